import type { Db } from '../db/connect.ts'
import { forgetDoors, settleDoors } from '../db/door-upkeep.ts'
import { readArming } from '../db/epoch.ts'
import { eraseNext } from '../db/erasure.ts'
import { stopIdle } from '../db/idle.ts'
import { forgetInvitations } from '../db/invitation-deliveries.ts'
import { deleteAudit, deleteSessions, pruneEvents, pruneSessions } from '../db/retention.ts'
import { forgetNonces } from '../db/hawk-nonces.ts'
import { forgetSignIns } from '../db/sign-in-upkeep.ts'
import { forgetDrift, forgetKeys, forgetOutages, forgetReconciliations, stopOverdue } from '../db/upkeep.ts'
import type { Batch } from '../db/upkeep.ts'
import { stopWithdrawnSessions } from '../db/withdrawals.ts'
import type { WithdrawalPolicy } from '../domain/experiment.ts'
import type { Retention } from '../domain/retention.ts'

export type { Batch } from '../db/upkeep.ts'

export interface UpkeepDeps {
  readonly db: Db
  readonly retention: Retention
  /** What is done with sessions whose owner may not use their data any more. */
  readonly withdrawn?: WithdrawalPolicy
  /** Tells the operator's log. */
  readonly warn: (found: { readonly sessions: number }, message: string) => void
}

const nothing: Batch = { done: 0, more: false }

/**
 * What time alone makes due, in Carrel's own books. Each does one batch in one short transaction and says whether more is left;
 * a repeat finds what is still due. While the installation is disarmed its rows may be a copy, or old: no session is stopped by them
 * then, no account erased, and nothing deleted that somebody may have brought them back for.
 */
export function createUpkeepActivities({ db, retention, withdrawn, warn }: UpkeepDeps) {
  const armed = async (batch: (db: Db) => Promise<Batch>): Promise<Batch> =>
    (await readArming(db)).disarmed === null ? await batch(db) : nothing
  const after = async (days: number | null, batch: (db: Db, days: number) => Promise<Batch>): Promise<Batch> =>
    days === null ? nothing : await armed(async () => await batch(db, days))
  return {
    /** Asks sessions to stop whose time is over, where their own workflow has not. */
    stopOverdueSessions: async (): Promise<Batch> => {
      const batch = await armed(stopOverdue)
      if (batch.done > 0)
        warn({ sessions: batch.done }, 'sessions were in use after their time: their workflows are late, or gone')
      return batch
    },

    /** Asks sessions to stop that have data which their owner lost the right to, where the site wants that. */
    stopWithdrawnSessions: async (): Promise<Batch> =>
      await armed(async (books) => await stopWithdrawnSessions(books, withdrawn)),

    /** Warns users of sessions that nobody does anything in, and asks those to stop whose users were warned. */
    stopIdleSessions: async (): Promise<Batch> => await armed(stopIdle),

    /** Closes what was open through gateways that are gone. */
    settleLostDoors: async (): Promise<Batch> => await armed(settleDoors),

    /** Forgets tickets, passes and tunnels that have ended long ago, the browser sessions that many of them were opened by, and what was signed once. */
    async forgetDoors(): Promise<Batch> {
      const batches = [await forgetDoors(db), await forgetSignIns(db), await forgetNonces(db)]
      return { done: batches.reduce((sum, { done }) => sum + done, 0), more: batches.some(({ more }) => more) }
    },

    /** Forgets idempotency keys whose day is over. */
    forgetKeys: async (): Promise<Batch> => await forgetKeys(db),

    /** Forgets what was asked long ago: reconciliations, checks, and invitations that ended. */
    async forgetReconciliations(): Promise<Batch> {
      const [asked, invitations] = [await forgetReconciliations(db), await forgetInvitations(db)]
      return { done: asked.done + invitations.done, more: asked.more || invitations.more }
    },

    /** Forgets what differed once. */
    forgetDrift: async (): Promise<Batch> => await forgetDrift(db),

    /** Forgets outages that no deadline counts any more. */
    forgetOutages: async (): Promise<Batch> => await forgetOutages(db),

    /** Deletes old histories but the ends. */
    pruneEvents: async (): Promise<Batch> => await after(retention.eventDays, pruneEvents),

    /** Clears what is personal in old sessions. */
    pruneSessions: async (): Promise<Batch> => await after(retention.parameterDays, pruneSessions),

    /** Deletes sessions whose time in the books is over. */
    deleteSessions: async (): Promise<Batch> => await after(retention.sessionDays, deleteSessions),

    /** Deletes old lines of the audit. */
    deleteAudit: async (): Promise<Batch> => await after(retention.auditDays, deleteAudit),

    /** Goes on with erasing the account that has waited longest. */
    eraseAccounts: async (): Promise<Batch> => await armed(eraseNext),
  }
}

export type UpkeepActivities = ReturnType<typeof createUpkeepActivities>
