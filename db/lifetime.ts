import { sql } from 'kysely'
import type { SessionKey } from '../domain/session.ts'
import type { Executor } from './connect.ts'

/**
 * When a session's lifetime ends that is ready: the template's from its first readiness, or when its backend ends the instance of its
 * generation, whichever comes first. For an update of `session`.
 */
export const lifetimeEnd = sql<Date>`least(
  coalesce(session.ready_at, now()) + session.lifetime_seconds * interval '1 second',
  (select i.ends_at from instance i where i.session_id = session.id and i.generation = session.generation))`

/** Whether a session that is ready has lived as long as it may. */
export async function isPastItsTime(executor: Executor, key: SessionKey): Promise<boolean> {
  const row = await executor
    .selectFrom('session')
    .select(sql<boolean>`coalesce(least(expires_at, lifetime_ends_at) <= now(), false)`.as('past'))
    .where('id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .where('state', '=', 'ready')
    .executeTakeFirst()
  return row?.past === true
}
