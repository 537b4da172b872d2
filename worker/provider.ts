import { Worker } from '@temporalio/worker'
import { createComputeActivities } from '../activities/compute.ts'
import { withFailures } from '../activities/failures.ts'
import { createObserveActivities } from '../activities/observe.ts'
import { createReadinessActivities } from '../activities/readiness.ts'
import type { ProviderRow } from '../db/providers.ts'
import { careQueue, startQueue } from '../domain/ids.ts'
import { graceTime } from './core.ts'
import type { WorkerDeps } from './deps.ts'
import { createInstanceSecrets } from './instance-secrets.ts'
import { keepObserved } from './observer.ts'
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
  const running: Running[] = []
  const close = async () => {
    stopping.abort()
    await Promise.all(running.map(async (worker) => await worker.stop()))
    await provider.close()
  }
  const starts = {
    createInstance: compute.createInstance,
    ...createReadinessActivities({ db, provider, timings, stopping: stopping.signal }),
  }
  const care = {
    removeInstance: compute.removeInstance,
    inspectInstance: compute.inspectInstance,
    ...createObserveActivities({ db, providerId: row.id, provider, deploymentId, timings, stopping: stopping.signal }),
  }
  try {
    const startWorker = await Worker.create({
      ...shared,
      taskQueue: startQueue(row.id),
      activities: withFailures(starts, report),
      maxConcurrentActivityTaskExecutions: row.startLimit + spareStarts,
    })
    running.push(run(startWorker, failed))
    const careWorker = await Worker.create({
      ...shared,
      taskQueue: careQueue(row.id),
      activities: withFailures(care, report),
      maxConcurrentActivityTaskExecutions: careSlots,
    })
    running.push(run(careWorker, failed))
  } catch (error) {
    // Who tries again opens both anew; a half that went on would take tasks beside them.
    await close()
    throw error
  }
  const leaveOff = await keepObserved(deps, row)
  return {
    async stop() {
      leaveOff()
      await close()
    },
  }
}
