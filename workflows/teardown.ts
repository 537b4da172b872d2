import { ApplicationFailure } from '@temporalio/common'
import { CancellationScope, defineSignal, setHandler } from '@temporalio/workflow'
import { isEnd } from '../domain/lifecycle.ts'
import { booksOf } from './activity-proxies.ts'
import { Attention } from './attention.ts'
import { Errand } from './errand.ts'
import { orCallForHelp } from './failing.ts'
import { lookAgain } from './session.messages.ts'
import type { SessionEnd, TeardownRun } from './session.messages.ts'
import { undoAll } from './undo.ts'

/**
 * Ends a session whose own workflow is gone: the same undo list, read from the rows. Nothing that asks for its end stops it;
 * only an operator may give up on what it cannot clean.
 */
export async function teardownWorkflow(run: TeardownRun): Promise<SessionEnd> {
  const attention = new Attention()
  setHandler(defineSignal(lookAgain), attention.call)
  return await CancellationScope.nonCancellable(
    async () => await orCallForHelp(run.sessionId, run.timings, async () => await tearDown(run, attention)),
  )
}

async function tearDown({ sessionId, timings }: TeardownRun, attention: Attention): Promise<SessionEnd> {
  const books = booksOf(timings)
  attention.attend()
  const before = await books.look({ sessionId, timings })
  const pending = await books.pendingUndo({ sessionId })
  if (before === null || pending === null)
    throw ApplicationFailure.nonRetryable('There is no such session.', 'invalid_input')
  if (isEnd(before.state)) return { state: before.state }
  const key = { sessionId, generation: before.generation }
  await books.beginStopping({ key, reason: before.stop ?? 'internal' })
  let undoing = null as Errand<void> | null
  for (let seen: typeof before | null = before; ; seen = await books.look({ sessionId, timings })) {
    if (seen?.abandon === true) {
      await books.abandon(key)
      break
    }
    undoing ??= new Errand(
      async () => await undoAll(sessionId, before.generation, pending.steps, timings, timings.cleanupOverdueMs),
    )
    await attention.wait(null, '', undoing.settled)
    if (undoing.settled()) break
    attention.attend()
  }
  if (undoing?.settled() === true) {
    undoing.done()
    await books.end(key)
  }
  const after = await books.look({ sessionId, timings })
  return { state: after?.state ?? before.state }
}
