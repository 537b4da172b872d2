import type { ProviderId, ReconciliationId, SessionId } from '../domain/ids.ts'
import type { Tick } from '../domain/epoch.ts'
import type { Action, ReconciliationOutcome } from '../domain/reconciliation.ts'
import type { Runs } from '../domain/runs.ts'
import type { Db } from '../db/connect.ts'
import { raiseTick } from '../db/epoch.ts'
import { recordObservations } from '../db/instances.ts'
import { wakeSession } from '../db/intents.ts'
import { beginReconciliation, concludeReconciliation } from '../db/reconciliation.ts'

export interface ReconcileDeps {
  readonly db: Db
  readonly runs: Runs
}

export interface Begun extends Tick {
  readonly id: string
  readonly dryRun: boolean
  readonly removeNames: readonly string[]
  /** It was carried out before: nothing is left to do. */
  readonly ended: boolean
  /** Whether the installation may act; a survey may be made all the same. */
  readonly armed: boolean
}

/** The books of reconciliation, and what it tells to sessions' workflows. */
export function createReconcileActivities({ db, runs }: ReconcileDeps) {
  return {
    /** Notes the run, one tick further than the last. An installation that is behind its own past disarms itself. */
    beginReconciliation: async (run: {
      readonly providerId: string
      readonly id: string | null
      readonly runId: string
      readonly atMostMs: number
    }): Promise<Begun> => {
      const providerId = run.providerId as ProviderId
      // Read before the tick is raised: whatever ended until then was less far, unless this database has gone back.
      const last = await runs.lastTick(providerId)
      const { epoch, tick, disarmed } = await raiseTick(db, last)
      const begun = await beginReconciliation(db, { ...run, providerId, id: run.id as ReconciliationId | null })
      return { ...begun, epoch, tick, armed: disarmed === null }
    },

    /** Says how it went. */
    concludeReconciliation: async (end: {
      readonly id: string
      readonly providerId: string
      readonly outcome: ReconciliationOutcome
      readonly failed: readonly Action[]
    }): Promise<void> => {
      const which = { id: end.id as ReconciliationId, providerId: end.providerId as ProviderId }
      await concludeReconciliation(db, which, end.outcome, end.failed)
    },

    /** Has the starter see to a session: who looks after it is told, and if nobody does, a teardown begins. */
    wakeSession: async (input: { readonly sessionId: string }): Promise<void> => {
      await wakeSession(db, input.sessionId as SessionId)
    },

    /** A whole list had no instance of the session: its run is told, and looks at the backend itself. */
    doubtInstance: async ({
      sessionId,
      generation,
    }: {
      readonly sessionId: string
      readonly generation: number
    }): Promise<void> => {
      await recordObservations(db, [{ sessionId, generation, seen: 'absent', suspicious: true }])
      await wakeSession(db, sessionId as SessionId)
    },

    /** Has a run look again whose session has ended: it finds that, and ends. */
    nudgeWorkflow: async (input: { readonly sessionId: string }): Promise<void> => {
      await runs.nudge(input.sessionId as SessionId)
    },
  }
}

export type ReconcileActivities = ReturnType<typeof createReconcileActivities>
