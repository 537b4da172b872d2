import { Worker } from '@temporalio/worker'
import { createComputeActivities } from '../activities/compute.ts'
import { withFailures } from '../activities/failures.ts'
import { createObserveActivities } from '../activities/observe.ts'
import { createReadinessActivities } from '../activities/readiness.ts'
import type { ProviderRow } from '../db/providers.ts'
import { careQueue, coreQueue, observeWorkflowId, startQueue } from '../domain/ids.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { ObserveRun } from '../workflows/session.messages.ts'
import { graceTime } from './core.ts'
import type { WorkerDeps } from './deps.ts'
import { createInstanceSecrets } from './instance-secrets.ts'
import { run } from './run.ts'
import type { Running } from './run.ts'

/** Slots beyond the start limit: a start that was left behind still holds one until it notices. */
const spareStarts = 4
const careSlots = 40

/** The two queues of a provider, each with its own slots: a stop never waits behind a start. */
export async function startProvider(
  deps: WorkerDeps,
  row: ProviderRow,
  failed: (error: unknown) => void,
): Promise<Running> {
  const { db, timings, deploymentId, log } = deps
  const provider = deps.openProvider(row)
  const compute = createComputeActivities({
    db,
    providerId: row.id,
    provider,
    secrets: createInstanceSecrets(deps.secrets),
    timings,
  })
  const stopping = new AbortController()
  const report = (activity: string, error: unknown) =>
    log.warn({ activity, provider: row.id, error }, 'an activity failed and will be tried again')
  const shared = {
    connection: deps.connection,
    namespace: deps.namespace,
    dataConverter: deps.dataConverter,
    shutdownGraceTime: graceTime,
    ...(deps.interceptors === undefined ? {} : { interceptors: deps.interceptors }),
  }
  const starts = await Worker.create({
    ...shared,
    taskQueue: startQueue(row.id),
    activities: withFailures(
      {
        createInstance: compute.createInstance,
        ...createReadinessActivities({ db, provider, timings, stopping: stopping.signal }),
      },
      report,
    ),
    maxConcurrentActivityTaskExecutions: row.startLimit + spareStarts,
  })
  const care = await Worker.create({
    ...shared,
    taskQueue: careQueue(row.id),
    activities: withFailures(
      {
        removeInstance: compute.removeInstance,
        inspectInstance: compute.inspectInstance,
        ...createObserveActivities({
          db,
          providerId: row.id,
          provider,
          deploymentId,
          timings,
          stopping: stopping.signal,
        }),
      },
      report,
    ),
    maxConcurrentActivityTaskExecutions: careSlots,
  })
  const running = [run(starts, failed), run(care, failed)]
  await observeForEver(deps, row)
  return {
    async stop() {
      stopping.abort()
      await Promise.all(running.map(async (worker) => await worker.stop()))
      await provider.close()
    },
  }
}

/** The provider's observer lives as long as the provider; who opens its queues sees to it that there is one. */
async function observeForEver({ client, timings }: WorkerDeps, row: ProviderRow): Promise<void> {
  const input: ObserveRun = { providerId: row.id, timings }
  await client.workflow.start(workflowNames.observe, {
    workflowId: observeWorkflowId(row.id),
    taskQueue: coreQueue,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `observer of provider ${row.id}`,
  })
}
