// Build A that knows the id of the patch and has forgotten what the patch did.
import { patched } from '@temporalio/workflow'
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow'

export * from '../../../workflows/index.ts'

export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      async scheduleActivity(input, next) {
        if (input.activityType === 'removeInstance') patched('wait-before-removal')
        return await next(input)
      },
    },
  ],
})
