import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import { ApplicationFailure, defineSearchAttributeKey } from '@temporalio/common'
import { isEnd } from '../domain/lifecycle.ts'
import type { Reason, SessionState } from '../domain/lifecycle.ts'
import type { Look } from '../domain/session.ts'
import { booksOf, hastyBooksOf } from './activity-proxies.ts'
import { Attention } from './attention.ts'
import { Errand } from './errand.ts'
import { orCallForHelp } from './failing.ts'
import { heldUp, unlessHeldUp } from './held-up.ts'
import { Resting } from './resting.ts'
import type { PauseSeen } from './resting.ts'
import { lookAgain, searchAttributes } from './session.messages.ts'
import type { SessionEnd, SessionRun } from './session.messages.ts'
import { begin } from './start.ts'
import type { StartOutcome } from './start.ts'
import { isDue, soonest, tend } from './tend.ts'
import { undoAll, UndoCourse, UndoList } from './undo.ts'

const stateAttribute = defineSearchAttributeKey(searchAttributes.state, 'KEYWORD')

/**
 * What a deadline means that has passed. `ready` and `paused` end by the system's own wish, like everybody's; what `pausing` and
 * `resuming` come to depends on what became of the instance, where anybody asked for them.
 */
const overdue: Partial<Record<SessionState, Reason>> = {
  requested: 'internal',
  queued: 'capacity_timeout',
  provisioning: 'start_timeout',
  pausing: 'internal',
  resuming: 'internal',
}

/**
 * A session, from request to nothing left. It holds no truth of its own: it looks at the rows, does the next thing, and
 * looks again; whoever writes the rows wakes it. So it may be started anew at any point of a session's life.
 */
export async function sessionWorkflow(run: SessionRun): Promise<SessionEnd> {
  const attention = new Attention()
  setHandler(defineSignal(lookAgain), attention.call)
  let cancelled = false
  CancellationScope.current().cancelRequested.catch(() => {
    cancelled = true
    attention.call()
  })
  return await CancellationScope.nonCancellable(
    async () =>
      await orCallForHelp(run.sessionId, run.timings, async () => await live(run, attention, () => cancelled)),
  )
}

async function live(run: SessionRun, attention: Attention, wasCancelled: () => boolean): Promise<SessionEnd> {
  const { sessionId, timings } = run
  const books = booksOf(timings)
  const undo = new UndoList(run.undo)
  let start = null as Errand<StartOutcome> | null
  const resting = new Resting(timings, attention, undo)
  let undoing = null as Errand<void> | null
  const course = new UndoCourse()
  let shown: SessionState | null = run.phase === 'ready' ? null : (run.shown ?? null)
  let renewAt: number | null = null

  for (;;) {
    attention.attend()
    const seen = await books.look({ sessionId, timings })
    if (seen === null) throw ApplicationFailure.nonRetryable('There is no such session.', 'invalid_input')
    const key = { sessionId, generation: seen.generation }
    if (seen.state !== shown) show(seen)
    shown = seen.state

    if (isEnd(seen.state)) {
      // Somebody else ended it, or this run did in a task that the server did not take: what it does in the books meanwhile
      // must not answer a run that has closed.
      await condition(() => undoing === null || undoing.settled() || course.isOutOfBooks())
      return await finish(seen.state)
    }
    if (seen.state !== 'provisioning') start = start?.abandon() ?? null
    resting.attend(seen.state)
    if (seen.outside !== undefined) undo.note({ step: 'closeDoors', generation: seen.generation })
    if (seen.state === 'stopping' && seen.abandon) {
      await books.abandon(key)
      continue
    }
    if (seen.state === 'stopping') {
      undoing ??= new Errand(() => undoAll(sessionId, seen.generation, undo.steps, timings, seen.dueInMs, course))
      // Whoever calls meanwhile changes nothing, but is heard: a call that nobody hears is repeated for as long as it takes.
      await attention.wait(null, '', undoing.settled)
      if (!undoing.settled()) continue
      undoing = undoing.done()
      await books.end(key)
      continue
    }
    if (seen.stop === null && seen.state === 'queued' && isDue(seen) && isResuming(seen) && !seen.pause.remade) {
      await resting.giveUpWaiting(key, seen)
      continue
    }
    const reason = reasonToEnd(seen)
    if (reason !== null) {
      await books.beginStopping({ key, reason })
      continue
    }
    if (wasCancelled()) {
      await books.requestStop({ sessionId, reason: 'admin' })
      continue
    }
    if (start === null && !resting.isBusy && workflowInfo().continueAsNewSuggested)
      await again({ ...run, undo: undo.steps })

    switch (seen.state) {
      case 'requested': {
        undo.note({ step: 'releaseReservation', generation: seen.generation })
        const decided = await unlessHeldUp(hastyBooksOf(timings, seen.dueInMs).admit(key))
        if (decided === null) await attention.wait(soonest(seen.dueInMs, timings.databaseTimeoutMs), heldUp)
        const admitted = decided?.done
        if (admitted?.kind === 'broken') await books.beginStopping({ key, reason: 'internal' })
        if (admitted?.kind === 'waits')
          await attention.wait(soonest(seen.dueInMs, timings.dispatchEveryMs), 'maintenance: it waits to be admitted')
        break
      }
      case 'queued': {
        const rest = soonest(seen.dueInMs, seen.retryInMs, timings.dispatchEveryMs)
        if (await attention.wait(rest, 'asks for its place again')) break
        const asked = hastyBooksOf(timings, seen.dueInMs).dispatch({ providerId: seen.providerId })
        if ((await unlessHeldUp(asked)) === null)
          await attention.wait(soonest(seen.dueInMs, timings.databaseTimeoutMs), heldUp)
        break
      }
      case 'provisioning': {
        undo.note({ step: 'releaseReservation', generation: seen.generation })
        undo.note({ step: 'removeInstance', providerId: seen.providerId, generation: seen.generation })
        start ??= new Errand(() => begin(key, seen.providerId, timings))
        await attention.wait(seen.dueInMs, 'the time to start is over', start.settled)
        if (!start.settled()) break
        const outcome = outcomeOf(start)
        start = null
        if (outcome.kind === 'ready') await books.becomeReady(key)
        if (outcome.kind === 'failed') await books.beginStopping({ key, reason: outcome.reason })
        break
      }
      case 'ready':
        // Who lives long goes on in a run of a short history, and who does not is spared another run.
        if (run.phase !== 'ready') {
          renewAt ??= Date.now() + (timings.renewAfterMs ?? 0)
          if (Date.now() >= renewAt) await again({ ...run, phase: 'ready', undo: undo.steps })
        }
        if (isDue(seen)) {
          await books.requestStop({ sessionId, reason: 'expired' })
        } else if (seen.pause?.wish === 'pause') {
          await books.beginPausing({ ...key, number: seen.pause.number })
        } else {
          const dueInMs = renewAt === null ? seen.dueInMs : soonest(seen.dueInMs, renewAt - Date.now())
          const found = await tend(key, { ...seen, dueInMs }, timings, attention)
          if (found?.kind === 'gone') await books.beginStopping({ key, reason: found.reason })
          if (found?.kind === 'fine' && wasAsked(seen)) await resting.putBack(key, { ...seen, dueInMs }, found)
        }
        break
      case 'paused':
        if (isDue(seen)) await books.requestStop({ sessionId, reason: 'expired' })
        else if (wasAsked(seen)) await resting.paused(key, seen)
        else await attention.wait(seen.dueInMs, 'its time is over')
        break
      case 'pausing':
        if (wasAsked(seen)) await resting.pausing(key, seen)
        else await attention.wait(seen.dueInMs, 'its time is over')
        break
      case 'resuming':
        if (wasAsked(seen)) await resting.resuming(key, seen)
        else await attention.wait(seen.dueInMs, 'its time is over')
        break
      case 'stopped':
      case 'failed':
      case 'rejected':
        await attention.wait(seen.dueInMs, 'its time is over')
        break
      default:
        seen.state satisfies never
    }
  }
}

/** Why the session must leave its state now: somebody wants it, or its time there is over. */
function reasonToEnd(seen: Look): Reason | null {
  if (seen.stop !== null) return seen.stop
  const isLookedInto = wasAsked(seen) && (seen.state === 'pausing' || seen.state === 'resuming')
  return isDue(seen) && !isLookedInto ? (overdue[seen.state] ?? null) : null
}

const wasAsked = (seen: Look): seen is PauseSeen => seen.pause !== undefined

/** It is admitted again, and waits for its turn. */
const isResuming = (seen: Look): seen is PauseSeen => seen.pause?.wish === 'resume'

/** A start that failed in a way that no repeat mends is Carrel's own fault. */
function outcomeOf(start: Errand<StartOutcome>): StartOutcome {
  try {
    return start.result ?? { kind: 'elsewhere' }
  } catch {
    return { kind: 'failed', reason: 'internal' }
  }
}

/** What an operator sees of the session in Temporal's UI. */
function show(seen: Look): void {
  upsertSearchAttributes([{ key: stateAttribute, value: seen.state }])
  setCurrentDetails(
    [
      `**${seen.state}**`,
      `provider ${seen.providerId}, generation ${seen.generation}`,
      seen.stop ? `to end: ${seen.stop}` : '',
    ]
      .filter((line) => line !== '')
      .join('  \n'),
  )
}

async function again(run: SessionRun): Promise<never> {
  await condition(allHandlersFinished)
  return await continueAsNew<typeof sessionWorkflow>(run)
}

async function finish(state: SessionState): Promise<SessionEnd> {
  await condition(allHandlersFinished)
  return { state }
}
