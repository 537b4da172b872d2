import type { ProviderRow } from '../db/providers.ts'
import { coreQueue, observeWorkflowId } from '../domain/ids.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { ObserveRun } from '../workflows/session.messages.ts'
import type { WorkerDeps } from './deps.ts'

/** Again and again, for an observer may fail, or be ended by hand: without one, nobody sees an instance end. */
const everyMs = 10_000
const callTimeoutMs = 5_000

/**
 * Sees to it that the provider has its observer as long as its queues are open. Returns when it was tried for the first
 * time, with the way to leave off; where Temporal does not answer it is tried again.
 */
export async function keepObserved(
  { client, timings, log }: Pick<WorkerDeps, 'client' | 'timings' | 'log'>,
  { id }: Pick<ProviderRow, 'id'>,
): Promise<() => void> {
  const input: ObserveRun = { providerId: id, timings }
  const ensure = async () => {
    try {
      await client.withDeadline(Date.now() + callTimeoutMs, async () => {
        await client.workflow.start(workflowNames.observe, {
          workflowId: observeWorkflowId(id),
          taskQueue: coreQueue,
          args: [input],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: `observer of provider ${id}`,
        })
      })
    } catch (error) {
      log.warn({ provider: id, error }, 'the observer of a provider could not be started; trying again')
    }
  }
  const timer = setInterval(() => void ensure(), everyMs)
  await ensure()
  return () => clearInterval(timer)
}
