import type { ProviderRow } from '../db/providers.ts'
import { observeWorkflowId } from '../domain/ids.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { ObserveRun } from '../workflows/session.messages.ts'
import type { WorkerDeps } from './deps.ts'
import { keepRunning } from './keep-running.ts'

/** Sees to it that the provider has its observer as long as its queues are open: without one, nobody sees an instance end. */
export async function keepObserved(
  { client, timings, log }: Pick<WorkerDeps, 'client' | 'timings' | 'log'>,
  { id }: Pick<ProviderRow, 'id'>,
): Promise<() => void> {
  const input: ObserveRun = { providerId: id, timings }
  return await keepRunning(
    { client },
    { name: workflowNames.observe, workflowId: observeWorkflowId(id), input, summary: `observer of provider ${id}` },
    (error) => log.warn({ provider: id, error }, 'the observer of a provider could not be started; trying again'),
  )
}
