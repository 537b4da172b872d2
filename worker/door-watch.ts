import { coreQueue, watchDoorsWorkflowId } from '../domain/ids.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { WatchDoorsRun } from '../workflows/session.messages.ts'
import type { WorkerDeps } from './deps.ts'

/** Again and again, for the watch may fail, or be ended by hand: without one, nobody sees that a right is gone. */
const everyMs = 10_000
const callTimeoutMs = 5_000

/**
 * Sees to it that the gateway outside is watched as long as its queue is open. Returns when it was tried for the first time, with
 * the way to leave off; where Temporal does not answer it is tried again.
 */
export async function keepWatched({
  client,
  timings,
  log,
}: Pick<WorkerDeps, 'client' | 'timings' | 'log'>): Promise<() => void> {
  const input: WatchDoorsRun = { timings }
  const ensure = async () => {
    try {
      await client.withDeadline(Date.now() + callTimeoutMs, async () => {
        await client.workflow.start(workflowNames.watchDoors, {
          workflowId: watchDoorsWorkflowId,
          taskQueue: coreQueue,
          args: [input],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: 'watches the gateway of doors outside',
        })
      })
    } catch (error) {
      log.warn({ error }, 'the watch of the gateway outside could not be started; trying again')
    }
  }
  const timer = setInterval(() => void ensure(), everyMs)
  await ensure()
  return () => clearInterval(timer)
}
