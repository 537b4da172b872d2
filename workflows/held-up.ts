import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common'

export const heldUp = 'the books are held up: tries again'

/** Of a deed that others hold up nobody knows whether it was done: `null`. The rows tell, and the workflow looks again. */
export async function unlessHeldUp<T>(deed: Promise<T>): Promise<{ readonly done: T } | null> {
  try {
    return { done: await deed }
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : error
    if (cause instanceof TimeoutFailure) return null
    if (cause instanceof ApplicationFailure && cause.nonRetryable !== true) return null
    throw error
  }
}
