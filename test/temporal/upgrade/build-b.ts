// Build B: everything as it is, and one patched change: it waits a moment before it removes an instance.
import { patched, sleep } from '@temporalio/workflow'
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow'

export * from '../../../workflows/index.ts'

export const patchId = 'wait-before-removal'

export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      async scheduleActivity(input, next) {
        if (input.activityType === 'removeInstance' && patched(patchId)) await sleep(20, { summary: 'build B' })
        return await next(input)
      },
    },
  ],
})
