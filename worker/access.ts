import { Worker } from '@temporalio/worker'
import { createAccessActivities } from '../activities/access.ts'
import { createWatchDoorsActivities } from '../activities/watch-doors.ts'
import { withFailures } from '../activities/failures.ts'
import { readArming } from '../db/epoch.ts'
import { accessQueue } from '../domain/ids.ts'
import { locator } from '../platform/target.ts'
import type { AccessGateway } from '../ports/access/access-gateway.ts'
import type { WorkerDeps } from './deps.ts'
import { keepWatched } from './door-watch.ts'
import { watchBlind } from './outside-blind.ts'
import { footingOf } from './footing.ts'
import { createInstanceSecrets } from './instance-secrets.ts'
import { run } from './run.ts'
import type { Running } from './run.ts'

/** More at once only wait for one another at the gateway. */
const slots = 20

/** What a worker of the gateway outside registers. */
export const accessActivities = (
  {
    db,
    deploymentId,
    secrets,
    timings,
    listener,
    log,
    ownServices = [],
  }: Pick<WorkerDeps, 'db' | 'deploymentId' | 'secrets' | 'timings' | 'listener' | 'log' | 'ownServices'>,
  access: AccessGateway,
  stopping: AbortSignal,
) => ({
  ...createAccessActivities({
    db,
    access,
    deploymentId,
    timings,
    secrets: createInstanceSecrets(secrets),
    locate: locator(ownServices),
  }),
  ...createWatchDoorsActivities({
    db,
    access,
    deploymentId,
    timings,
    stopping,
    onChange: (heard) => listener.on('carrel_access', heard),
    onAsked: (heard) => listener.on('carrel_reconciliation', heard),
    warn: (found, message) => log.warn(found, message),
  }),
})

/** The queue of the gateway outside. Closing it leaves everything open that was opened for somebody. */
export async function startAccess(
  deps: WorkerDeps,
  access: AccessGateway,
  failed: (error: unknown) => void,
): Promise<Running> {
  const { log } = deps
  const stopping = new AbortController()
  const worker = await Worker.create({
    ...footingOf(deps),
    taskQueue: accessQueue,
    activities: withFailures(accessActivities(deps, access, stopping.signal), (activity, error) =>
      log.warn({ activity, error }, 'an activity failed and will be tried again'),
    ),
    maxConcurrentActivityTaskExecutions: slots,
  })
  const running = run(worker, failed)
  const leave = await keepWatched(deps)
  const see = watchBlind({
    access,
    deploymentId: deps.deploymentId,
    readArming: async () => await readArming(deps.db),
    log,
    count: (tunnels) => deps.countUnverified?.(tunnels),
    ...(deps.blindLimits === undefined ? {} : { limits: deps.blindLimits }),
  })
  return {
    async stop() {
      see()
      leave()
      stopping.abort()
      await running.stop()
      await access.close()
    },
  }
}
