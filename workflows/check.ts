import { ActivityFailure, TimeoutFailure } from '@temporalio/common'
import { isCancellation } from '@temporalio/workflow'
import { checkBooksOf, checkOf } from './activity-proxies.ts'
import type { CheckRun } from './session.messages.ts'

/** Has a provider looked at, once, and sees to it that the check ends, whoever serves the provider. */
export async function checkProviderWorkflow({ providerId, checkId, timings }: CheckRun): Promise<void> {
  try {
    await checkOf(timings, providerId).checkProvider({ checkId, timings })
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error
    const nobodyCame = error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'SCHEDULE_TO_START'
    const code = nobodyCame ? 'unserved' : 'check_failed'
    await checkBooksOf(timings).abandonCheck({ checkId, providerId, code })
  }
}
