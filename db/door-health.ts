import { sql } from 'kysely'
import type { SessionId } from '../domain/ids.ts'
import { isEnd } from '../domain/lifecycle.ts'
import type { Db } from './connect.ts'
import { recordEvent } from './events.ts'

/** Why a session that is ready does not work as it should. Open to growth. */
export type DegradedReason = 'door_unreachable'

/**
 * Notes what came of reaching a door of a session. The first door of a ready session that fails makes it degraded, the last
 * that answers again repairs it; what is known already writes nothing.
 */
export async function reportDoor(
  db: Db,
  sessionId: SessionId,
  door: string,
  outcome: 'ok' | 'unreachable',
): Promise<void> {
  const known = await db
    .selectFrom('door_failure')
    .select('door')
    .where('session_id', '=', sessionId)
    .where('door', '=', door)
    .executeTakeFirst()
  if ((known === undefined) === (outcome === 'ok')) return
  await db.transaction().execute(async (trx) => {
    const session = await trx
      .selectFrom('session')
      .select(['state', 'degraded_at'])
      .where('id', '=', sessionId)
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (session === undefined || isEnd(session.state) || (outcome === 'unreachable' && session.state !== 'ready'))
      return
    if (outcome === 'unreachable')
      await sql`insert into door_failure (session_id, door) values (${sessionId}, ${door}) on conflict do nothing`.execute(
        trx,
      )
    else await trx.deleteFrom('door_failure').where('session_id', '=', sessionId).where('door', '=', door).execute()
    const failing = await trx.selectFrom('door_failure').select('door').where('session_id', '=', sessionId).execute()
    const degraded = failing.length > 0
    if (degraded === (session.degraded_at !== null)) return
    const reason: DegradedReason = 'door_unreachable'
    await trx
      .updateTable('session')
      .set({
        degraded_at: degraded ? sql<Date>`now()` : null,
        degraded_reason: degraded ? reason : null,
        version: sql<number>`version + 1`,
      })
      .where('id', '=', sessionId)
      .execute()
    await recordEvent(trx, sessionId, degraded ? 'session.degraded' : 'session.repaired', { reason, door })
  })
}
