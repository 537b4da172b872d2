import { sql } from 'kysely'
import { comesAfter, reasonToDisarm } from '../domain/epoch.ts'
import type { DisarmReason, Ground, Tick } from '../domain/epoch.ts'
import { disarmedRole } from './beats.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { lockMaintenance } from './maintenance.ts'

/** Whether the installation may act on what the rows say. */
export interface Arming {
  /** `null`: armed. */
  readonly disarmed: DisarmReason | null
  readonly since: Date | null
}

/**
 * Compares what the database stands on with what it stood on when it was armed, and stores it the first time. A database that
 * finds itself on other ground is a copy: it disarms itself, until an operator says that it is the one that counts.
 * `sharesTemporal`: another database, and the same Temporal, whose runs may go by the original's rows.
 */
export async function verifyGround(
  db: Db,
  temporalNamespaceId: string,
): Promise<Arming & { readonly sharesTemporal: boolean }> {
  return await db.transaction().execute(async (trx) => {
    const row = await lockInstallation(trx)
    const here = await groundHere(trx, temporalNamespaceId)
    const { system_identifier, database_oid, temporal_namespace_id } = row
    if (system_identifier === null || database_oid === null || temporal_namespace_id === null) {
      await trx
        .updateTable('installation')
        .set({
          system_identifier: here.systemIdentifier,
          database_oid: here.databaseOid,
          temporal_namespace_id: here.temporalNamespaceId,
        })
        .execute()
      return { ...armingOf(row), sharesTemporal: false }
    }
    const stored: Ground = {
      systemIdentifier: system_identifier,
      databaseOid: database_oid,
      temporalNamespaceId: temporal_namespace_id,
    }
    const reason = reasonToDisarm(stored, here)
    if (reason === null) return { ...armingOf(row), sharesTemporal: false }
    const sharesTemporal = stored.temporalNamespaceId === here.temporalNamespaceId
    return { ...(await disarm(trx, reason, row.epoch)), sharesTemporal }
  })
}

/**
 * Begins a run of a sweep: one tick further. A database that is not further than what an earlier run of the same schedule has
 * told is older than what it has done: it was brought back, and disarms itself. `last`: that run's tick.
 */
export async function raiseTick(db: Db, last: Tick | null): Promise<Tick & Arming> {
  return await db.transaction().execute(async (trx) => {
    const row = await lockInstallation(trx)
    const now: Tick = { epoch: row.epoch, tick: Number(row.tick) + 1 }
    await trx
      .updateTable('installation')
      .set({ tick: sql<string>`tick + 1` })
      .execute()
    const isLate = last !== null && !comesAfter(now, last)
    return { ...now, ...(isLate ? await disarm(trx, 'restored', last.epoch) : armingOf(row)) }
  })
}

/**
 * An operator says that this installation is the one that counts: whatever it stands on now is its ground. Every session that
 * lives is looked after anew, for its run may know more than the rows, or less; the time until now counts against none.
 */
export async function armInstallation(trx: Trx): Promise<'armed' | 'already'> {
  // Whoever records a session takes the epoch as it was then: a line of the old one must not come after those of the new.
  await lockMaintenance(trx)
  const row = await lockInstallation(trx)
  if (row.disarmed_at === null) return 'already'
  await trx
    .updateTable('installation')
    .set({
      epoch: Math.max(row.epoch, row.disarmed_epoch ?? 0) + 1,
      disarmed_at: null,
      disarmed_reason: null,
      disarmed_epoch: null,
      system_identifier: null,
      database_oid: null,
      temporal_namespace_id: null,
    })
    .execute()
  await sql`
    insert into outage (role, began_at, ended_at) values (${disarmedRole}, ${row.disarmed_at}, now())
    on conflict do nothing`.execute(trx)
  await sql`
    update session s set wake_version = wake_version + 1, next_try_at = now(), tries = 0
    from (select id from session where ended_at is null order by id for no key update) live
    where s.id = live.id`.execute(trx)
  return 'armed'
}

export async function readArming(executor: Executor): Promise<Arming> {
  return armingOf(
    await executor.selectFrom('installation').select(['disarmed_at', 'disarmed_reason']).executeTakeFirstOrThrow(),
  )
}

/** The first reason stays. `epoch`: the newest that is known to have been. */
async function disarm(trx: Trx, reason: DisarmReason, epoch: number): Promise<Arming> {
  const row = await trx
    .updateTable('installation')
    .set({
      disarmed_at: sql<Date>`coalesce(disarmed_at, now())`,
      disarmed_reason: sql<DisarmReason>`coalesce(disarmed_reason, ${reason})`,
      disarmed_epoch: sql<number>`greatest(disarmed_epoch, ${epoch}::int)`,
    })
    .returning(['disarmed_at', 'disarmed_reason'])
    .executeTakeFirstOrThrow()
  return armingOf(row)
}

const lockInstallation = async (trx: Trx) =>
  await trx.selectFrom('installation').selectAll().forNoKeyUpdate().executeTakeFirstOrThrow()

const armingOf = (row: {
  readonly disarmed_at: Date | null
  readonly disarmed_reason: DisarmReason | null
}): Arming => ({ disarmed: row.disarmed_reason, since: row.disarmed_at })

async function groundHere(executor: Executor, temporalNamespaceId: string): Promise<Ground> {
  const { rows } = await sql<{ system: string; database: string }>`
    select (select system_identifier::text from pg_control_system()) as system,
      (select oid::text from pg_database where datname = current_database()) as database
  `.execute(executor)
  const row = rows[0]
  if (row === undefined) throw new Error('A select without a from has one row.')
  return { systemIdentifier: row.system, databaseOid: row.database, temporalNamespaceId }
}
