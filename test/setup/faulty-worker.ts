import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { WorkerInterceptors } from '@temporalio/worker'
import { runWorkerProcess } from '../../worker/process.ts'

/** A worker that is killed in the middle of one activity: `TEST_FAULT={activity, when, marker}`. */
interface Fault {
  readonly activity: string
  readonly when: 'before' | 'during' | 'after'
  /** How long after the beginning is «during», ms. */
  readonly afterMs?: number
  /** Made just before the end, so that the test knows that it was this. */
  readonly marker: string
}

const fault = JSON.parse(process.env['TEST_FAULT'] ?? '{}') as Fault

function die(): never {
  writeFileSync(fault.marker, fault.activity)
  process.kill(process.pid, 'SIGKILL')
  throw new Error('dead')
}

const interceptors: WorkerInterceptors = {
  activity: [
    (context) => ({
      inbound: {
        async execute(input, next) {
          if (context.info.activityType !== fault.activity) return await next(input)
          if (fault.when === 'before') die()
          if (fault.when === 'during') void delay(fault.afterMs ?? 30).then(die)
          const result = await next(input)
          if (fault.when === 'after') die()
          return result
        },
      },
    }),
  ],
}

runWorkerProcess(interceptors).catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
