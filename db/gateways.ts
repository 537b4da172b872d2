import { sql } from 'kysely'
import { beat } from './beats.ts'
import type { Db } from './connect.ts'

/** The time in which no gateway was there to see whether anybody did anything. */
export const gatewayRole = 'gateway'

/**
 * Says that a gateway serves now, and with it that gateways do. The time before the first of all was an outage: nobody saw
 * input then.
 */
export async function beatGateway(db: Db, id: string): Promise<void> {
  await noteGateway(db, id)
  await sql`
    insert into outage (role, began_at, ended_at) select ${gatewayRole}, to_timestamp(0), now()
    where not exists (select from beat where role = ${gatewayRole}) on conflict do nothing`.execute(db)
  await beat(db, gatewayRole)
}

/** That what is open through it counts as open. */
export async function noteGateway(db: Db, id: string): Promise<void> {
  await sql`insert into gateway (id) values (${id}) on conflict (id) do update set beat_at = now()`.execute(db)
}
