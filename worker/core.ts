import { Worker } from '@temporalio/worker'
import { withFailures } from '../activities/failures.ts'
import { coreQueue } from '../domain/ids.ts'
import { coreActivities } from './activities.ts'
import type { WorkerDeps } from './deps.ts'
import { footingOf } from './footing.ts'
import { run } from './run.ts'
import type { Running } from './run.ts'
import { bundleWorkflows } from './workflow-bundle.ts'

/** Workflows, and the activities that touch nothing but Carrel's own books. */
export async function startCore(deps: WorkerDeps, failed: (error: unknown) => void): Promise<Running> {
  const { log, inactivePatches = [], version } = deps
  const worker = await Worker.create({
    ...footingOf(deps),
    taskQueue: coreQueue,
    workflowBundle: deps.workflowBundle ?? (await bundleWorkflows()),
    activities: withFailures(coreActivities(deps), (activity, error) =>
      log.warn({ activity, error }, 'an activity failed and will be tried again'),
    ),
    maxConcurrentActivityTaskExecutions: 40,
    // How long a run waits for a worker that died before another takes it over.
    stickyQueueScheduleToStartTimeout: '3 seconds',
    // Only the core is versioned: what a provider's queues do is named by session and generation, whichever build does it.
    ...(version === undefined
      ? {}
      : {
          workerDeploymentOptions: {
            useWorkerVersioning: true,
            version,
            defaultVersioningBehavior: 'AUTO_UPGRADE',
          },
        }),
    ...(inactivePatches.length === 0
      ? {}
      : { patchActivationCallback: ({ patchId }) => !inactivePatches.includes(patchId) }),
  })
  return run(worker, failed)
}
