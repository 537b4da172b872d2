import { sql } from 'kysely'
import type { SessionId } from '../domain/ids.ts'
import { longestReconcileRunMs } from '../domain/timings.ts'
import type { Db, Trx } from './connect.ts'
import { pruneKeys } from './idempotency.ts'
import { requestStop } from './intents.ts'
import { isLostRun } from './lost-runs.ts'
import { failLostChecks } from './provider-checks.ts'

/** What one batch did, and whether another one would find more to do. */
export interface Batch {
  readonly done: number
  readonly more: boolean
}

/** Rows that one transaction of the upkeep touches at most. */
export const rowsPerBatch = 500
/** Sessions that one transaction takes at most, where each has rows of its own. */
export const sessionsPerBatch = 100

export const batchOf = (done: number, atMost: number = rowsPerBatch): Batch => ({ done, more: done >= atMost })

/** How long a session may be in use after its time before the upkeep asks: its own workflow does it at once. */
const graceSeconds = 60
const recordsDays = 30
/** In use after its time, and nobody has asked it to stop: its workflow is late, or gone. Of rows that have not ended. */
export const isOverdue = sql`(state in ('ready', 'paused') and stop_requested_at is null
  and least(expires_at, lifetime_ends_at) < now() - ${graceSeconds}::int * interval '1 second')`

/**
 * One transaction of the upkeep. It gives up soon where it would have to wait for a lock, so that nobody waits long for the
 * locks that it holds meanwhile; who called tries again.
 */
export async function briefly<T>(db: Db, work: (trx: Trx) => Promise<T>): Promise<T> {
  return await db.transaction().execute(async (trx) => {
    await sql`set local lock_timeout = '500ms'`.execute(trx)
    return await work(trx)
  })
}

/** A time that is so many days ago, by the database's clock. */
export const daysAgo = (days: number) => sql<Date>`now() - ${days}::int * interval '24 hours'`

/**
 * Asks sessions to stop whose time was over a minute ago and nobody has. Each has a workflow that does so in time: whatever
 * is found here is a sign of trouble. Sessions that somebody else is writing are left to the next batch.
 */
export async function stopOverdue(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const overdue = await sql<{ id: SessionId }>`
      select id from session
      where ended_at is null and ${isOverdue}
      order by id limit ${sessionsPerBatch} for no key update skip locked`.execute(trx)
    for (const { id } of overdue.rows) await requestStop(trx, id, 'expired')
    return batchOf(overdue.rows.length, sessionsPerBatch)
  })
}

/** Forgets idempotency keys older than 24 h whose session, if they made one, is decided. */
export async function forgetKeys(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => batchOf(await pruneKeys(trx, rowsPerBatch)))
}

/**
 * Closes reconciliations and checks that nothing was heard of for an hour: their run ended without a word, or was never begun. A
 * provider's next reconciliation would close the last, but one that is out of service has none. Then forgets those that ended 30 days ago, and checks of providers
 * and syncs of catalogues as old as that.
 */
export async function forgetReconciliations(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const closed = await sql`
      update reconciliation set ended_at = now(), outcome = 'failed'
      where ${isLostRun('reconciliation', longestReconcileRunMs, rowsPerBatch)}`.execute(trx)
    const failed = await failLostChecks(trx, longestReconcileRunMs, rowsPerBatch)
    const gone = await sql`
      delete from reconciliation where id = any(array(
        select id from reconciliation where coalesce(ended_at, started_at, requested_at) < ${daysAgo(recordsDays)}
        order by coalesce(ended_at, started_at, requested_at) limit ${rowsPerBatch} for update skip locked))`.execute(
      trx,
    )
    const checks = await sql`
      delete from provider_check where id = any(array(
        select id from provider_check where requested_at < ${daysAgo(recordsDays)}
        order by requested_at limit ${rowsPerBatch} for update skip locked))`.execute(trx)
    const syncs = await sql`
      delete from catalogue_sync where id = any(array(
        select id from catalogue_sync where requested_at < ${daysAgo(recordsDays)}
        order by requested_at limit ${rowsPerBatch} for update skip locked))`.execute(trx)
    const each = [closed, gone, checks, syncs].map(({ numAffectedRows }) => Number(numAffectedRows))
    const batches = [failed, ...each].map((done) => batchOf(done))
    return {
      done: batches.reduce((sum, { done }) => sum + done, 0),
      more: batches.some(({ more }) => more),
    }
  })
}

/** Forgets what differed once and was not seen for 30 days. */
export async function forgetDrift(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const gone = await sql`
      delete from drift where (provider_id, kind, subject) in (
        select provider_id, kind, subject from drift where last_seen_at < ${daysAgo(recordsDays)}
        limit ${rowsPerBatch} for update skip locked)`.execute(trx)
    return batchOf(Number(gone.numAffectedRows))
  })
}

/**
 * Forgets outages that ended before the oldest live session was asked for: no deadline counts them any more. An hour is left
 * for sessions that are just being written. The beats stay, one row per role.
 */
export async function forgetOutages(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const gone = await sql`
      delete from outage where (role, began_at) in (
        select role, began_at from outage
        where ended_at < coalesce((select min(requested_at) from session where ended_at is null), now()) - interval '1 hour'
        limit ${rowsPerBatch} for update skip locked)`.execute(trx)
    return batchOf(Number(gone.numAffectedRows))
  })
}
