import { watchDoorsWorkflowId } from '../domain/ids.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { WatchDoorsRun } from '../workflows/session.messages.ts'
import type { WorkerDeps } from './deps.ts'
import { keepRunning } from './keep-running.ts'

/** Sees to it that the gateway outside is watched as long as its queue is open: without that, nobody sees that a right is gone. */
export async function keepWatched({
  client,
  timings,
  log,
}: Pick<WorkerDeps, 'client' | 'timings' | 'log'>): Promise<() => void> {
  const input: WatchDoorsRun = { timings }
  const summary = 'watches the gateway of doors outside'
  return await keepRunning(
    { client },
    { name: workflowNames.watchDoors, workflowId: watchDoorsWorkflowId, input, summary },
    (error) => log.warn({ error }, 'the watch of the gateway outside could not be started; trying again'),
  )
}
