import type { ProviderId, ReconciliationId, SessionId } from '../domain/ids.ts'
import { extentOf, findDrift, planActions } from '../domain/reconciliation.ts'
import type { Action, Listed, Plan } from '../domain/reconciliation.ts'
import type { Runs } from '../domain/runs.ts'
import type { Timings } from '../domain/timings.ts'
import { databaseTime } from '../db/connect.ts'
import type { Db } from '../db/connect.ts'
import { noteDrift, readDrift } from '../db/drift.ts'
import { readPlan, readSweepRights, recordPlan } from '../db/reconciliation.ts'
import { isQueueIdle, isUnknownInstance, readKnown } from '../db/survey.ts'
import type { CallContext, ComputeProvider } from '../ports/compute/provider.ts'
import { alive } from './alive.ts'
import { askAboutRuns } from './doubted-runs.ts'
import { requireRemoved } from './removal.ts'
import { wholeList } from './whole-list.ts'

export interface SurveyDeps {
  readonly db: Db
  readonly providerId: ProviderId
  readonly provider: ComputeProvider
  readonly deploymentId: string
  readonly runs: Runs
}

export interface SurveyAsk {
  readonly id: string
  readonly dryRun: boolean
  readonly removeNames: readonly string[]
  readonly timings: Timings
}

export type Survey =
  | ({ readonly kind: 'planned' } & Plan)
  /** The backend's list is not whole: nothing is known, and nothing changes. */
  | { readonly kind: 'unreachable' }

/** Actions of one reconciliation; the rest waits for the next. */
const mostActions = 50
/** Texts and lists are kept for operators to read, not for ever. */
const mostReported = 1_000

/** Compares a whole provider with the rows and the workflows. Plans; what is done about it is done step by step elsewhere. */
export function createSurveyActivities({ db, providerId, provider, deploymentId, runs }: SurveyDeps) {
  return {
    /** Lists the backend before the rows are read, finds what differs, and plans. */
    async surveyProvider(ask: SurveyAsk): Promise<Survey> {
      // An attempt whose answer was lost has planned, and used what it was granted.
      const planned = await readPlan(db, ask.id as ReconciliationId)
      if (planned !== null) return { kind: 'planned', ...planned }
      return await alive(ask.timings, async (call) => await survey(ask, call))
    },

    /** Removes an object that an operator named, and that no row knows of. */
    async removeUnknown(ask: {
      readonly name: string
      readonly sessionId: string
      readonly generation: number
      readonly timings: Timings
    }): Promise<void> {
      if (!(await isUnknownInstance(db, ask))) return
      const ref = { name: ask.name, deploymentId }
      requireRemoved(await alive(ask.timings, async (call) => await provider.remove(ref, call)))
    },
  }

  async function survey(ask: SurveyAsk, call: CallContext): Promise<Survey> {
    const listedAt = await databaseTime(db)
    const instances = await wholeList(provider, deploymentId, call)
    if (instances === null) return { kind: 'unreachable' }
    const listed = instances.map(({ ref, sessionId, generation }): Listed => ({
      name: ref.name,
      sessionId,
      generation,
    }))
    const open = await openRuns()
    const rows = await readKnown(db, providerId, [...listed.map((l) => l.sessionId), ...open])
    const { known, unknownWorkflows } = await askAboutRuns(runs, rows, open)
    const surveyed = { listedAt, listed, known, unknownWorkflows, queueNotServed: await isQueueIdle(db, providerId) }
    const drifts = findDrift(surveyed)
    const judge = ask.dryRun ? readDrift : noteDrift
    const judged = await judge(db, providerId, drifts, ask.timings.reconcileGraceMs)
    const rights = await readSweepRights(db, providerId)
    const plan = planActions(judged, extentOf(surveyed), { ...rights, mostActions, removeNames: ask.removeNames })
    const report = {
      listed: listed.length,
      drifts: judged.slice(0, mostReported),
      ...plan,
      failed: [] as readonly Action[],
    }
    // The workflow has it from the row.
    const id = ask.id as ReconciliationId
    await recordPlan(db, { id, providerId, dryRun: ask.dryRun, rights }, report)
    return { kind: 'planned', ...plan }
  }

  /** Where Temporal does not list, nothing is said of workflows: the rest of the survey stands. */
  async function openRuns(): Promise<readonly SessionId[]> {
    return await runs.listOpen(providerId).catch(() => [])
  }
}

export type SurveyActivities = ReturnType<typeof createSurveyActivities>
