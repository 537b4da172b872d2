import { ActivityFailure } from '@temporalio/common'
import { isCancellation, workflowInfo } from '@temporalio/workflow'
import type { Begun } from '../activities/reconcile.ts'
import type { Tick } from '../domain/epoch.ts'
import type { SessionId } from '../domain/ids.ts'
import type { Action, ReconciliationOutcome } from '../domain/reconciliation.ts'
import type { SessionKey } from '../domain/session.ts'
import { beginOf, hastyBooksOf, reconcileOf, surveyOf } from './activity-proxies.ts'
import type { ReconcileRun } from './session.messages.ts'

/**
 * Compares a provider with the rows and the workflows, and does what its plan says, step by step. Every step is harmless to
 * repeat; one that fails is left to the next run. Its result is how far the installation has come: the next run is further.
 */
export async function reconcileWorkflow(run: ReconcileRun): Promise<Tick> {
  const { providerId, timings } = run
  const books = reconcileOf(timings)
  const begun = await beginOf(timings).beginReconciliation({
    providerId,
    id: run.reconciliationId ?? null,
    runId: workflowInfo().runId,
    atMostMs: timings.reconcileRunMs,
  })
  if (!begun.ended) {
    const { outcome, failed } = await carryOut(run, begun)
    await books.concludeReconciliation({ id: begun.id, providerId, outcome, failed })
  }
  return { epoch: begun.epoch, tick: begun.tick }
}

interface Ending {
  readonly outcome: ReconciliationOutcome
  readonly failed: readonly Action[]
}

async function carryOut({ providerId, timings }: ReconcileRun, begun: Begun): Promise<Ending> {
  const { id, dryRun, removeNames } = begun
  const survey = await orNull(
    async () => await surveyOf(timings, providerId).surveyProvider({ id, dryRun, removeNames, timings }),
  )
  if (survey === null) return { outcome: 'failed', failed: [] }
  if (survey.kind === 'unreachable') return { outcome: 'unreachable', failed: [] }
  if (!begun.armed) return { outcome: 'disarmed', failed: [] }
  const failed: Action[] = []
  const attempt = async (action: Action): Promise<void> => {
    const done = Date.now() > until ? null : await orNull(async () => await act(action, providerId, timings))
    if (done === null) failed.push(action)
  }
  const until = Date.now() + timings.reconcileRunMs / 2
  const actions = dryRun ? [] : survey.actions
  for (const action of actions.filter((a) => !isRemoval(a))) await attempt(action)
  // One that hangs holds up only its own row of them.
  const removals = actions.filter(isRemoval)
  const inRow = async (): Promise<void> => {
    for (let action = removals.shift(); action !== undefined; action = removals.shift()) await attempt(action)
  }
  await Promise.all(Array.from({ length: removalsAtOnce }, inRow))
  return { outcome: survey.withheld === null ? 'done' : 'withheld', failed }
}

const removalsAtOnce = 5
const isRemoval = (action: Action): boolean => action.do === 'removeInstance' || action.do === 'removeUnknown'

async function act(action: Action, providerId: string, timings: ReconcileRun['timings']): Promise<true> {
  switch (action.do) {
    case 'removeInstance':
      await surveyOf(timings, providerId).removeInstance(keyOf(action))
      break
    case 'removeUnknown':
      await surveyOf(timings, providerId).removeUnknown({ ...action, timings })
      break
    case 'releaseReservation':
      await hastyBooksOf(timings, null).releaseReservation(keyOf(action))
      break
    case 'lookAgain':
      await reconcileOf(timings).wakeSession({ sessionId: action.sessionId })
      break
    case 'doubtInstance':
      await reconcileOf(timings).doubtInstance({ sessionId: action.sessionId, generation: action.generation })
      break
    case 'nudgeWorkflow':
      await reconcileOf(timings).nudgeWorkflow({ sessionId: action.sessionId })
      break
    case 'dispatch':
      await hastyBooksOf(timings, null).dispatch({ providerId })
      break
    default:
      action satisfies never
  }
  return true
}

/** What a step that failed leaves to the next run. A run that is ended by hand ends. */
async function orNull<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ActivityFailure && !isCancellation(error)) return null
    throw error
  }
}

// The id stands in a row, where only sessions' ids stand.
const keyOf = (action: { readonly sessionId: string; readonly generation: number }): SessionKey => ({
  sessionId: action.sessionId as SessionId,
  generation: action.generation,
})
