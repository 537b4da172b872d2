import { sql } from 'kysely'
import type { Expression, RawBuilder } from 'kysely'
import type { Outage } from '../domain/deadlines.ts'
import type { Db, Executor } from './connect.ts'

/** A gap between beats longer than this is an outage: time that nobody served. */
export const outageAfterSeconds = 30

export const coreRole = 'core'
/** Not a worker's: the time in which nobody is admitted. */
export const maintenanceRole = 'maintenance'
/** Nor this: the time in which the installation must not act. */
export const disarmedRole = 'disarmed'
export const providerRole = (providerId: string): string => `provider/${providerId}`

/** Says that the role serves now. Whoever comes back after a gap stores it as an outage. `first`: nobody ever had. */
export async function beat(db: Db, role: string): Promise<'first' | 'again'> {
  return await db.transaction().execute(async (trx) => {
    const last = await trx.selectFrom('beat').select('at').where('role', '=', role).forUpdate().executeTakeFirst()
    if (last !== undefined) {
      await sql`
        insert into outage (role, began_at, ended_at) select ${role}, ${last.at}, now()
        where now() - ${last.at}::timestamptz > ${outageAfterSeconds} * interval '1 second'
        on conflict do nothing
      `.execute(trx)
    }
    await sql`insert into beat (role, at) values (${role}, now()) on conflict (role) do update set at = now()`.execute(
      trx,
    )
    return last === undefined ? 'first' : 'again'
  })
}

/** Whether workers carry out what is asked, and none of them has ever served this provider: who begins there waits for nobody. */
export const neverServed = (providerId: Expression<unknown>): RawBuilder<boolean> =>
  sql`(exists (select from beat where role = ${coreRole})
    and not exists (select from beat where role = ${providerRole('')} || ${providerId}))`

/**
 * The outages, since then, of what a session on this provider needs: the core, the provider's own queues, an armed
 * installation, and `more`. One that
 * still lasts is among them: a deadline may come before whoever was away has stored it.
 */
export async function outagesSince(
  executor: Executor,
  providerId: string,
  since: Date,
  more: readonly string[] = [],
): Promise<Outage[]> {
  return await outagesOf(executor, [coreRole, providerRole(providerId), disarmedRole, ...more], since)
}

/** The outages of these roles since then, one that still lasts among them. A disarmed installation is one of `disarmedRole`. */
export async function outagesOf(executor: Executor, roles: readonly string[], since: Date): Promise<Outage[]> {
  const { rows } = await sql<{ began_at: Date; ended_at: Date }>`
    select began_at, ended_at from outage where role = any(${[...roles]}) and ended_at > ${since}
    union all
    select disarmed_at, now() from installation where disarmed_at is not null and ${roles.includes(disarmedRole)}
    union all
    select at, now() from beat where role = any(${[...roles]}) and now() - at > ${outageAfterSeconds} * interval '1 second'
  `.execute(executor)
  return rows.map((row) => ({ from: row.began_at.getTime(), to: row.ended_at.getTime() }))
}
