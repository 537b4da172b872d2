import { sql } from 'kysely'
import { admitSession } from '../../db/admission.ts'
import type { Db } from '../../db/connect.ts'
import { endSession, toReady, toStopping } from '../../db/endings.ts'
import { recordEvent } from '../../db/events.ts'
import { beginInstance, recordRemoved, tombstone } from '../../db/instances.ts'
import type { NewSession } from '../../db/intents.ts'
import { releaseReservation } from '../../db/reservations.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import type { Owner, Rows } from './rows.ts'

/** What a user of these tests typed, and what an operator read. */
export const typed: Partial<NewSession> = {
  name: 'Results of Ada',
  parameters: { packages: 'ada-private' },
  mounts: [{ source: { kind: 'dataset', id: 'ada-2026' }, target: '/data', mode: 'ro' }],
}
const fake = 'fake' as ProviderId

/** A session that lived from request to its end, by the same functions as real ones, so many minutes ago. */
export async function endedSession(rows: Rows, owner: Owner, minutesAgo: number): Promise<SessionKey> {
  const { db } = rows
  const key = await rows.session(owner, typed)
  await admitSession(db, key)
  await beginInstance(db, key, fake, Buffer.from('secret'))
  await toReady(db, key)
  await endNow(db, key)
  await age(db, key, minutesAgo)
  return key
}

/** Brings a session to its end, with nothing left. */
export async function endNow(db: Db, key: SessionKey): Promise<void> {
  await db
    .transaction()
    .execute(async (trx) => await recordEvent(trx, key.sessionId, 'session.progress', { message: 'x' }))
  await toStopping(db, key, 'user')
  await tombstone(db, key, fake)
  await recordRemoved(db, key)
  await releaseReservation(db, key)
  await endSession(db, key)
  await db
    .updateTable('session')
    .set({ operator_detail: 'ada: no such file' })
    .where('id', '=', key.sessionId)
    .execute()
}

/** Moves the end of a session into the past, by the database's clock. */
export async function age(db: Db, { sessionId }: SessionKey, minutesAgo: number): Promise<void> {
  await db
    .updateTable('session')
    .set({ ended_at: sql<Date>`now() - ${minutesAgo}::float8 * interval '1 minute'` })
    .where('id', '=', sessionId)
    .execute()
}

export const minutesOf = (days: number): number => days * 24 * 60

/** How many rows of each table are of the session. */
export async function rowsOf(db: Db, { sessionId }: SessionKey): Promise<Record<string, number>> {
  const { rows } = await sql<Record<string, number>>`
    select (select count(*)::int from session where id = ${sessionId}) as session,
      (select count(*)::int from session_event where session_id = ${sessionId}) as events,
      (select count(*)::int from instance where session_id = ${sessionId}) as instances,
      (select count(*)::int from reservation where session_id = ${sessionId}) as reservations,
      (select count(*)::int from session_usage where session_id = ${sessionId}) as usage`.execute(db)
  const row = rows[0]
  if (row === undefined) throw new Error('counts without a row')
  return row
}
