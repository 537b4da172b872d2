import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { WorkerInterceptors } from '@temporalio/worker'
import { runWorkerProcess } from '../../worker/process.ts'

/** A worker that takes its time over one activity: `TEST_SLOW={activity, ms, marker}`. */
interface Slow {
  readonly activity: string
  /** Before it does anything. */
  readonly ms: number
  /** A file that grows by a character each time that one begins, so that the test knows that it is in the middle of it. */
  readonly marker: string
}

const slow = JSON.parse(process.env['TEST_SLOW'] ?? '{}') as Slow

const interceptors: WorkerInterceptors = {
  activity: [
    (context) => ({
      inbound: {
        async execute(input, next) {
          if (context.info.activityType === slow.activity) {
            appendFileSync(slow.marker, '.')
            await delay(slow.ms)
          }
          return await next(input)
        },
      },
    }),
  ],
}

runWorkerProcess(interceptors).catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
