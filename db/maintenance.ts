import { sql } from 'kysely'
import { maintenanceRole } from './beats.ts'
import { waitForLocks } from './connect.ts'
import type { Executor, Trx } from './connect.ts'
import { wake } from './intents.ts'

/** No session is admitted until an operator ends it. `until` is what users are told; it ends nothing. */
export interface Maintenance {
  readonly since: Date
  readonly until: Date | null
  readonly text: string
}

/** The maintenance, if it is on, and how often that was changed. */
export interface MaintenanceState {
  readonly maintenance: Maintenance | null
  readonly version: number
}

const switchLock = sql`hashtext('carrel maintenance')`

const columns = ['maintenance_since', 'maintenance_until', 'maintenance_text', 'maintenance_version'] as const
interface Row {
  readonly maintenance_since: Date | null
  readonly maintenance_until: Date | null
  readonly maintenance_text: string | null
  readonly maintenance_version: number
}

const view = (row: Row): MaintenanceState => ({
  maintenance:
    row.maintenance_since === null
      ? null
      : { since: row.maintenance_since, until: row.maintenance_until, text: row.maintenance_text ?? '' },
  version: row.maintenance_version,
})

export async function readMaintenance(executor: Executor): Promise<MaintenanceState> {
  return view(await executor.selectFrom('installation').select(columns).executeTakeFirstOrThrow())
}

/**
 * The maintenance as it stays until this transaction ends: whoever switches it waits for what is recorded here, or is seen.
 * Not by a lock on the row, which is let in past whoever waits to change it: under a steady stream of requests nobody
 * would ever switch. And other things of the installation change in that row meanwhile.
 */
export async function holdMaintenance(trx: Trx): Promise<Maintenance | null> {
  await sql`select ${heldMaintenance}`.execute(trx)
  return (await readMaintenance(trx)).maintenance
}

/** The same as a part of a statement: what a later statement of the transaction reads of the maintenance stays. */
export const heldMaintenance = sql`pg_advisory_xact_lock_shared(${switchLock})`

/**
 * Switches maintenance on, or changes what is told, if it is still at one of these versions (`null`: whatever it is). From this
 * transaction on no session is recorded or admitted; since when stays.
 */
export async function putMaintenance(
  trx: Trx,
  told: { readonly text: string; readonly until: Date | null },
  versions: readonly number[] | null,
): Promise<'put' | 'changed'> {
  const { version } = await lockMaintenance(trx)
  if (versions !== null && !versions.includes(version)) return 'changed'
  await trx
    .updateTable('installation')
    .set({
      maintenance_since: sql<Date>`coalesce(maintenance_since, now())`,
      maintenance_until: told.until,
      maintenance_text: told.text,
      maintenance_version: sql<number>`maintenance_version + 1`,
    })
    .execute()
  return 'put'
}

/**
 * Switches maintenance off and has every session that waits for its decision ask again; the time until now does not count
 * against them. Repeats change nothing.
 */
export async function endMaintenance(trx: Trx): Promise<'ended' | 'already'> {
  const { maintenance } = await lockMaintenance(trx)
  if (maintenance === null) return 'already'
  await sql`
    insert into outage (role, began_at, ended_at) values (${maintenanceRole}, ${maintenance.since}, now())
    on conflict do nothing`.execute(trx)
  await trx
    .updateTable('installation')
    .set({
      maintenance_since: null,
      maintenance_until: null,
      maintenance_text: null,
      maintenance_version: sql<number>`maintenance_version + 1`,
    })
    .execute()
  await trx
    .updateTable('session')
    .set(wake)
    // Whoever locks many sessions locks them in the order of their ids.
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('session')
        .select('id')
        .where('state', '=', 'requested')
        .where('ended_at', 'is', null)
        .orderBy('id')
        .forNoKeyUpdate(),
    )
    .execute()
  return 'ended'
}

/**
 * Whoever admits holds it while waiting up to 5 s for a quota row. Who switches waits longer than that, or they could keep it from
 * ever being switched; and less than the 10 s after which a statement is ended.
 */
const switchWaitMs = 9_000

/** Waits until everybody who holds it as it is has recorded what they record; who comes later waits for this. */
export async function lockMaintenance(trx: Trx): Promise<MaintenanceState> {
  await waitForLocks(trx, switchWaitMs)
  await sql`select pg_advisory_xact_lock(${switchLock})`.execute(trx)
  // All who admit wait from here on.
  await sql`set local lock_timeout to default`.execute(trx)
  return await readMaintenance(trx)
}
