import { ActivityFailure } from '@temporalio/common'
import { isCancellation, workflowInfo } from '@temporalio/workflow'
import type { Action, ReconciliationOutcome } from '../domain/reconciliation.ts'
import { booksOf, careOf, reconcileOf, surveyOf } from './activity-proxies.ts'
import type { ReconcileRun, Tick } from './session.messages.ts'

/**
 * Compares a provider with the rows and the workflows, and does what its plan says, step by step. Every step is harmless to
 * repeat; one that fails is left to the next run. Its result is how far the installation has come: the next run is further.
 */
export async function reconcileWorkflow(run: ReconcileRun): Promise<Tick> {
  const { providerId, timings } = run
  const books = reconcileOf(timings)
  const begun = await books.beginReconciliation({
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

interface Begun {
  readonly id: string
  readonly dryRun: boolean
  readonly removeNames: readonly string[]
  readonly armed: boolean
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
  for (const action of dryRun ? [] : survey.actions) {
    const done = await orNull(async () => {
      await act(action, providerId, timings)
      return true
    })
    if (done === null) failed.push(action)
  }
  return { outcome: survey.withheld === null ? 'done' : 'withheld', failed }
}

async function act(action: Action, providerId: string, timings: ReconcileRun['timings']): Promise<void> {
  switch (action.do) {
    case 'removeInstance':
      await surveyOf(timings, providerId).removeInstance(keyOf(action))
      return
    case 'removeUnknown':
      await surveyOf(timings, providerId).removeUnknown({ ...action, timings })
      return
    case 'releaseReservation':
      await booksOf(timings).releaseReservation(keyOf(action))
      return
    case 'lookAgain':
      await reconcileOf(timings).wakeSession({ sessionId: action.sessionId })
      return
    case 'nudgeWorkflow':
      await reconcileOf(timings).nudgeWorkflow({ sessionId: action.sessionId })
      return
    case 'dispatch':
      await booksOf(timings).dispatch({ providerId })
      return
    default:
      action satisfies never
  }
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

const keyOf = ({ sessionId, generation }: { readonly sessionId: string; readonly generation: number }) => ({
  // The id stands in a row, where only sessions' ids stand.
  sessionId: sessionId as Parameters<ReturnType<typeof careOf>['removeInstance']>[0]['sessionId'],
  generation,
})
