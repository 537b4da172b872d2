import type { Db } from '../db/connect.ts'
import { dispatch } from '../db/dispatch.ts'
import { toQueued } from '../db/endings.ts'
import { recordAvailable, recordUnavailable } from '../db/provider-health.ts'
import { wakeForRetry } from '../db/waiting.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Timings } from '../domain/timings.ts'

/** What an answer of a provider, or none, means for those who wait for it. */
export function createTurns(db: Db, providerId: ProviderId, timings: Timings) {
  const next = async () => void (await dispatch(db, providerId, timings.createTimeoutMs))
  return {
    /** The provider answered: should its breaker have been open, those who wait may begin. */
    async answered(): Promise<void> {
      if (await recordAvailable(db, providerId)) await next()
    },

    /** The provider is seen again: who waits may try it at once. */
    back: next,

    /** The provider did not answer: its breaker opens, and the session waits again; everything that stands stays. */
    async unavailable(
      key: SessionKey,
      outage: { readonly retryAfterMs: number | null; readonly detail: string },
    ): Promise<void> {
      await recordUnavailable(db, providerId, { sessionId: key.sessionId, ...outage }, timings)
      await toQueued(db, key, 'provider_unavailable')
      // Only now, that this session has given its place back: whoever looked before sees none that is free.
      await wakeForRetry(db, providerId)
      // Somebody else's answer may have closed the breaker just before this session began to wait.
      await next()
    },
  }
}
