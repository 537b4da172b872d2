import { sql } from 'kysely'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import type { Db, Executor } from './connect.ts'
import { plainText } from './plain-text.ts'

/**
 * Opens the provider's breaker, or keeps it open: nobody begins there until `retry_at`, which the answer gives in ms from now.
 * A probe that failed moves it further; a call that began before it opened does not.
 */
export async function recordUnavailable(
  db: Db,
  providerId: ProviderId,
  outage: { readonly sessionId: SessionId; readonly retryAfterMs: number | null; readonly detail: string },
  timings: Timings,
): Promise<void> {
  const detail = plainText(outage.detail, 16_384)
  await sql`
    insert into provider_health (provider_id, state, failures, retry_at, detail)
    values (${providerId}, 'open', 1,
      now() + greatest(${timings.breakerMs}::int, ${outage.retryAfterMs}::int) * interval '1 millisecond', ${detail})
    on conflict (provider_id) do update set
      since = case when provider_health.state = 'closed' then now() else provider_health.since end,
      state = 'open', detail = excluded.detail, probe_session_id = null,
      failures = provider_health.failures + 1,
      retry_at = now() + greatest(${outage.retryAfterMs}::int,
        least(${timings.breakerMaxMs}::int, ${timings.breakerMs}::int * power(2, least(provider_health.failures, 16)))::int)
        * interval '1 millisecond'
    where provider_health.state = 'closed' or provider_health.probe_session_id = ${outage.sessionId}
      or provider_health.retry_at <= now()
  `.execute(db)
}

/** The provider answered a create: its breaker closes. Returns whether it was open, so that those who wait may begin. */
export async function recordAvailable(db: Db, providerId: ProviderId): Promise<boolean> {
  const changed = await db
    .updateTable('provider_health')
    .set({
      state: 'closed',
      failures: 0,
      retry_at: null,
      probe_session_id: null,
      detail: null,
      since: sql<Date>`now()`,
    })
    .where('provider_id', '=', providerId)
    .where('state', '<>', 'closed')
    .executeTakeFirst()
  return changed.numUpdatedRows > 0n
}

/** The session that was the probe goes away without an answer: somebody else may probe at once. */
export async function giveUpProbe(db: Executor, sessionId: SessionId): Promise<void> {
  await db
    .updateTable('provider_health')
    .set({ state: 'open', probe_session_id: null, retry_at: sql<Date>`now()` })
    .where('probe_session_id', '=', sessionId)
    .execute()
}

/**
 * How the last list of the provider went. Returns whether an outage has ended by it: the breaker is open, and what could not be
 * listed before can be now. Then the next try is due at once; how long it was away must keep nobody waiting after it is back.
 */
export async function recordObserved(
  db: Db,
  providerId: ProviderId,
  list: { readonly tookMs: number; readonly error: string | null },
): Promise<boolean> {
  const { rows } = await sql<{ back: boolean }>`
    with before as (select observe_error from provider_health where provider_id = ${providerId})
    insert into provider_health (provider_id, observed_at, observe_error, observe_ms)
    values (${providerId}, case when ${list.error}::text is null then now() end, ${list.error}, ${list.tookMs})
    on conflict (provider_id) do update set observe_error = excluded.observe_error, observe_ms = excluded.observe_ms,
      observed_at = case when excluded.observe_error is null then now() else provider_health.observed_at end,
      retry_at = case
        when provider_health.state = 'open' and provider_health.observe_error is not null and excluded.observe_error is null
        then least(provider_health.retry_at, now()) else provider_health.retry_at end
    returning state = 'open' and observe_error is null and (select observe_error from before) is not null as back
  `.execute(db)
  return rows[0]?.back === true
}

/** So long a list is news, seconds. */
const listIsNewsSeconds = 30

/** Of a `provider_health as h`: its provider was listed to its end lately. */
export const listedLately = sql<boolean>`h.observed_at > now() - ${listIsNewsSeconds}::int * interval '1 second'`

/** Whether the provider's last list was whole, and lately: then what nobody can tell of one instance says nothing of the provider. */
export async function isListed(executor: Executor, providerId: ProviderId): Promise<boolean> {
  const row = await executor
    .selectFrom('provider_health as h')
    .select('h.provider_id')
    .where('h.provider_id', '=', providerId)
    .where('h.observe_error', 'is', null)
    .where(listedLately)
    .executeTakeFirst()
  return row !== undefined
}
