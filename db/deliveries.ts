import { sql } from 'kysely'
import type { SessionId } from '../domain/ids.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { Db } from './connect.ts'

/** A session whose workflow has not yet seen what was asked of it. */
export interface Delivery {
  readonly sessionId: SessionId
  readonly state: SessionState
  readonly generation: number
  readonly providerId: string
  readonly projectId: string
  readonly wakeVersion: number
  /** Whether any run has looked yet: if not, there may be no workflow. */
  readonly seenBefore: boolean
  /** An earlier try was lost, or nobody listened. */
  readonly isRepeated: boolean
}

/**
 * What the starter looks after: a wish that no workflow has seen, and every session that is to end until it has. A run that
 * was terminated may still have read the wish in its last task; who only looked at what was seen would wait for it for ever.
 */
const unfinished = sql<boolean>`(seen_version < wake_version
  or (ended_at is null and (state = 'stopping' or stop_requested_at is not null)))`

/** A disarmed installation tells nobody anything: it may be a copy of the one whose sessions these are. */
const armed = sql<boolean>`(select disarmed_at is null from installation)`

/**
 * Takes up to `limit` deliveries that are due, each for one taker, and sets when it is tried again should this try be
 * lost: 10 s, doubling to 5 min, or to an hour for an end that is only awaited. No lock outlives this call.
 */
export async function claimDeliveries(db: Db, limit: number): Promise<Delivery[]> {
  const { rows } = await sql<{
    id: SessionId
    state: SessionState
    generation: number
    provider_id: string
    project_id: string
    wake_version: number
    seen_version: number
    tries: number
  }>`
    with due as materialized (
      select id from session where ${unfinished} and next_try_at <= now() and ${armed}
      order by next_try_at limit ${limit} for no key update skip locked)
    update session s set tries = tries + 1,
      next_try_at = now() + least(case when seen_version < wake_version then 300 else 3600 end, 10 * power(2, least(tries, 10))) * interval '1 second'
    from due where s.id = due.id
    returning s.id, state, generation, provider_id, project_id, wake_version, seen_version, tries
  `.execute(db)
  return rows.map((row) => ({
    sessionId: row.id,
    state: row.state,
    generation: row.generation,
    providerId: row.provider_id,
    projectId: row.project_id,
    wakeVersion: row.wake_version,
    seenBefore: row.seen_version > 0,
    isRepeated: row.tries > 1,
  }))
}

/**
 * Makes everything due that nobody could be told yet: whoever could not be reached can be again, and what waited for a try
 * ever later need not.
 */
export async function hurryDeliveries(db: Db): Promise<void> {
  await sql`
    update session s set next_try_at = now() from (
      select id from session where seen_version < wake_version and tries > 0 and next_try_at > now()
      order by id for no key update skip locked) late
    where s.id = late.id
  `.execute(db)
}

/** In how many ms the next delivery is due; `null` when there is none. */
export async function nextDeliveryInMs(db: Db): Promise<number | null> {
  const { rows } = await sql<{ ms: number | null }>`
    select (extract(epoch from min(next_try_at) - now()) * 1000)::float8 as ms from session where ${unfinished} and ${armed}
  `.execute(db)
  const ms = rows[0]?.ms ?? null
  return ms === null ? null : Math.max(0, Math.ceil(ms))
}

/** Nobody is left to tell: the session is at its end. */
export async function settleDelivery(db: Db, sessionId: SessionId, wakeVersion: number): Promise<void> {
  await db
    .updateTable('session')
    .set({ seen_version: wakeVersion })
    .where('id', '=', sessionId)
    .where('seen_version', '<', wakeVersion)
    .execute()
}

/**
 * Has the starter look, after a moment, whether anybody looks after the session: its run is about to fail. A run that fails
 * again and again is followed by the next ever later.
 */
export async function callForHelp(db: Db, sessionId: SessionId): Promise<void> {
  await db
    .updateTable('session')
    // Not at once: a signal that meets a run which is just closing would have it close again, and call again.
    .set({ wake_version: sql<number>`wake_version + 1`, next_try_at: sql<Date>`now() + interval '5 seconds'` })
    .where('id', '=', sessionId)
    .where('ended_at', 'is', null)
    .execute()
}
