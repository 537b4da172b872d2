import { ApplicationFailure } from '@temporalio/common'
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow'
import { isForeign } from '../domain/foreign.ts'

/** A run whose input is not ours, or missing, fails at once; a signal that carries something not ours is dropped. */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      async execute(input, next) {
        if (input.args.length === 0 || input.args.some((arg) => arg === undefined || arg === null || isForeign(arg)))
          throw ApplicationFailure.nonRetryable('The input is not from this installation.', 'foreign_payload')
        return await next(input)
      },
      async handleSignal(input, next) {
        if (!input.args.some(isForeign)) await next(input)
      },
    },
  ],
})
