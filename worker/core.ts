import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, Worker } from '@temporalio/worker'
import { withFailures } from '../activities/failures.ts'
import { createSessionActivities } from '../activities/session.ts'
import { coreQueue } from '../domain/ids.ts'
import type { WorkerDeps } from './deps.ts'
import { run } from './run.ts'
import type { Running } from './run.ts'

/** How long a stopping worker lets activities finish. It tears nothing down: who comes next goes on. */
export const graceTime = '30 seconds'

const file = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Workflows, and the activities that touch nothing but Carrel's own books. */
export async function startCore(deps: WorkerDeps, failed: (error: unknown) => void): Promise<Running> {
  const { db, timings, log } = deps
  const worker = await Worker.create({
    connection: deps.connection,
    namespace: deps.namespace,
    dataConverter: deps.dataConverter,
    taskQueue: coreQueue,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: file('../workflows/index.ts'),
      workflowInterceptorModules: [file('../workflows/interceptors.ts')],
      failureConverterPath: file('../platform/temporal/failure-converter.ts'),
      logger: quiet,
    }),
    activities: withFailures(createSessionActivities({ db, timings }), (activity, error) =>
      log.warn({ activity, error }, 'an activity failed and will be tried again'),
    ),
    maxConcurrentActivityTaskExecutions: 40,
    // How long a run waits for a worker that died before another takes it over.
    stickyQueueScheduleToStartTimeout: '3 seconds',
    shutdownGraceTime: graceTime,
    ...(deps.interceptors === undefined ? {} : { interceptors: deps.interceptors }),
  })
  return run(worker, failed)
}

const nothing = () => undefined
const quiet = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }
