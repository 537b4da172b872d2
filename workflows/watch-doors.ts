import { continueAsNew } from '@temporalio/workflow'
import { doorWatchOf } from './activity-proxies.ts'
import type { WatchDoorsRun } from './session.messages.ts'

/** Activities per run: a run stays short enough to be read. */
const activitiesPerRun = 20

/** Watches the gateway outside for ever. Stopping it opens and closes nothing by itself. */
export async function watchDoorsWorkflow(run: WatchDoorsRun): Promise<void> {
  const { watchDoors } = doorWatchOf(run.timings)
  for (let n = 0; n < activitiesPerRun; n++) await watchDoors(run)
  await continueAsNew<typeof watchDoorsWorkflow>(run)
}
