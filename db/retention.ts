import { sql } from 'kysely'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { Db, Trx } from './connect.ts'
import type { FeedCursor } from './events.ts'
import { noteDeleted } from './kept-events.ts'
import { batchOf, briefly, daysAgo, rowsPerBatch, sessionsPerBatch } from './upkeep.ts'
import type { Batch } from './upkeep.ts'

/** What stands where a name was: for names that the database must have. */
export const withoutName = 'erased'

/**
 * Deletes the histories of sessions that ended `days` ago, the oldest events first, but how each ended: a history begins with
 * its first event that is there. The feed remembers how far it is not whole any more.
 */
export async function pruneEvents(db: Db, days: number): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const chosen = await sql<{ id: SessionId; kept: number }>`
      select id, coalesce((select max(seq) from session_event e where e.session_id = s.id and e.type = 'session.state'), 0)
        as kept
      from session s where ended_at < ${daysAgo(days)} and events_pruned_at is null
      order by ended_at limit ${sessionsPerBatch} for no key update skip locked`.execute(trx)
    if (chosen.rows.length === 0) return batchOf(0)
    const ids = chosen.rows.map((row) => row.id)
    const ends = sql`unnest(${ids}::text[], ${chosen.rows.map((row) => row.kept)}::int[]) as ended(id, kept)`
    const deleted = await sql<FeedCursor>`
      delete from session_event where (session_id, seq) in (
        select e.session_id, e.seq from ${ends} join session_event e on e.session_id = ended.id and e.seq < ended.kept
        order by e.session_id, e.seq limit ${rowsPerBatch})
      returning epoch::text, xid::text, id::text`.execute(trx)
    await noteDeleted(trx, deleted.rows)
    await sql`
      update session set events_pruned_at = now() from ${ends}
      where session.id = ended.id and not exists (
        select from session_event e where e.session_id = ended.id and e.seq < ended.kept)`.execute(trx)
    const more = deleted.rows.length === rowsPerBatch || ids.length === sessionsPerBatch
    return { done: deleted.rows.length, more }
  })
}

/**
 * Takes from sessions that ended `days` ago what their users typed and what operators read of them. What the session was, held
 * and cost stays.
 */
export async function pruneSessions(db: Db, days: number): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const pruned = await sql`
      update session set ${nothingPersonal} where id = any(array(
        select id from session where ended_at < ${daysAgo(days)} and pruned_at is null
        order by ended_at limit ${rowsPerBatch} for no key update skip locked))`.execute(trx)
    return batchOf(Number(pruned.numAffectedRows))
  })
}

/** The same for up to a batch of the account's sessions, at once and with the name of the program. Returns how many. */
export async function pruneSessionsOf(trx: Trx, accountId: AccountId): Promise<number> {
  const pruned = await sql`
    update session set ${nothingPersonal}, client = ${withoutName} where id = any(array(
      select id from session where owner_id = ${accountId} and ended_at is not null
        and (pruned_at is null or client <> ${withoutName})
      order by id limit ${rowsPerBatch} for no key update))`.execute(trx)
  return Number(pruned.numAffectedRows)
}

const nothingPersonal = sql`name = ${withoutName}, parameters = '{}', secret_parameters = null, mounts = '[]',
  operator_detail = null, pruned_at = coalesce(pruned_at, now()), version = version + 1`

/**
 * Deletes sessions that ended `days` ago, with all that hangs on them but their usage. One that may still have an instance, or
 * holds a reservation, or has doors outside that were never said to be closed, stays: its rows are how what is left of it is found.
 */
export async function deleteSessions(db: Db, days: number): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const chosen = await sql<{ id: SessionId }>`
      select id from session s
      where ended_at < ${daysAgo(days)} and pruned_at is not null and events_pruned_at is not null
        and not exists (select from instance i where i.session_id = s.id and i.removed_at is null)
        and not exists (select from reservation r where r.session_id = s.id and r.released_at is null)
        and not exists (select from outside_doors o where o.session_id = s.id and o.closed_at is null)
      order by ended_at limit ${sessionsPerBatch} for update skip locked`.execute(trx)
    const ids = chosen.rows.map((row) => row.id)
    if (ids.length === 0) return batchOf(0)
    const deleted = await sql<FeedCursor>`
      delete from session_event where session_id = any(${ids}::text[])
      returning epoch::text, xid::text, id::text`.execute(trx)
    await noteDeleted(trx, deleted.rows)
    await sql`delete from instance where session_id = any(${ids}::text[])`.execute(trx)
    await sql`delete from reservation where session_id = any(${ids}::text[])`.execute(trx)
    await sql`delete from session where id = any(${ids}::text[])`.execute(trx)
    return batchOf(ids.length, sessionsPerBatch)
  })
}

/** Deletes lines of the audit that are older than `days`. */
export async function deleteAudit(db: Db, days: number): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const deleted = await sql`
      delete from audit_event where id = any(array(
        select id from audit_event where at < ${daysAgo(days)} order by at limit ${rowsPerBatch}))`.execute(trx)
    return batchOf(Number(deleted.numAffectedRows))
  })
}
