import { sql } from 'kysely'
import type { Outage } from '../domain/deadlines.ts'
import type { Db, Executor } from './connect.ts'

/** A gap between beats longer than this is an outage: time that nobody served. */
export const outageAfterSeconds = 30

export const coreRole = 'core'
export const providerRole = (providerId: string): string => `provider/${providerId}`

/** Says that the role serves now. Whoever comes back after a gap stores it as an outage. */
export async function beat(db: Db, role: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
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
  })
}

/** The outages, since then, of what a session on this provider needs: the core, or the provider's own queues. */
export async function outagesSince(executor: Executor, providerId: string, since: Date): Promise<Outage[]> {
  const rows = await executor
    .selectFrom('outage')
    .select(['began_at', 'ended_at'])
    .where('role', 'in', [coreRole, providerRole(providerId)])
    .where('ended_at', '>', since)
    .execute()
  return rows.map((row) => ({ from: row.began_at.getTime(), to: row.ended_at.getTime() }))
}
