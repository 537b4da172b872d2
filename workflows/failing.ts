import { TemporalFailure } from '@temporalio/common'
import { isCancellation } from '@temporalio/workflow'
import type { SessionId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import { booksOf } from './activity-proxies.ts'

/**
 * Runs what looks after a session. Where it fails for good, nobody would notice before somebody asks something of the
 * session: so it calls for help first, and a teardown takes over.
 */
export async function orCallForHelp<T>(sessionId: SessionId, timings: Timings, live: () => Promise<T>): Promise<T> {
  try {
    return await live()
  } catch (error) {
    if (error instanceof TemporalFailure && !isCancellation(error)) await booksOf(timings).callForHelp({ sessionId })
    throw error
  }
}
