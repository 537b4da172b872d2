import { continueAsNew } from '@temporalio/workflow'
import { observerOf } from './activity-proxies.ts'
import type { ObserveRun } from './session.messages.ts'

/** Activities per run: a run stays short enough to be read. */
const activitiesPerRun = 20

/** Looks at one provider for ever. Stopping it stops nothing but the looking. */
export async function observeWorkflow(run: ObserveRun): Promise<void> {
  const { observeProvider } = observerOf(run.timings, run.providerId)
  for (let n = 0; n < activitiesPerRun; n++) await observeProvider(run)
  await continueAsNew<typeof observeWorkflow>(run)
}
