import { ApplicationFailure } from '@temporalio/common'
import { CancellationScope } from '@temporalio/workflow'
import { isEnd } from '../domain/lifecycle.ts'
import { booksOf } from './activity-proxies.ts'
import { orCallForHelp } from './failing.ts'
import type { SessionEnd, TeardownRun } from './session.messages.ts'
import { undoAll } from './undo.ts'

/** Ends a session whose own workflow is gone: the same undo list, read from the rows. Nothing that asks for its end stops it. */
export async function teardownWorkflow(run: TeardownRun): Promise<SessionEnd> {
  return await CancellationScope.nonCancellable(
    async () => await orCallForHelp(run.sessionId, run.timings, async () => await tearDown(run)),
  )
}

async function tearDown({ sessionId, timings }: TeardownRun): Promise<SessionEnd> {
  const books = booksOf(timings)
  const before = await books.look({ sessionId, timings })
  const pending = await books.pendingUndo({ sessionId })
  if (before === null || pending === null)
    throw ApplicationFailure.nonRetryable('There is no such session.', 'invalid_input')
  if (isEnd(before.state)) return { state: before.state }
  const key = { sessionId, generation: before.generation }
  await books.beginStopping({ key, reason: before.stop ?? 'internal' })
  await undoAll(sessionId, before.generation, pending.steps, timings, timings.cleanupOverdueMs)
  await books.end(key)
  const after = await books.look({ sessionId, timings })
  return { state: after?.state ?? before.state }
}
