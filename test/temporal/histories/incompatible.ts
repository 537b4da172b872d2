import { sleep } from '@temporalio/workflow'
import { sessionWorkflow as asItIs } from '../../../workflows/session.ts'
import type { SessionEnd, SessionRun } from '../../../workflows/session.messages.ts'

export { observeWorkflow } from '../../../workflows/observe.ts'
export { teardownWorkflow } from '../../../workflows/teardown.ts'

/** A change that no run on its way would survive: it waits before it looks. */
export async function sessionWorkflow(run: SessionRun): Promise<SessionEnd> {
  await sleep(1)
  return await asItIs(run)
}
