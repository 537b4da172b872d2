import { sql } from 'kysely'
import type { Executor } from './connect.ts'
import type { OutsideUse } from './outside-accounts.ts'
import { outsideGatewayId } from './outside-tunnels.ts'

/** Where somebody enters outside, and with which token, sealed. */
export interface OutsideEntry {
  readonly url: string
  readonly token: Buffer
}

/** A token that nobody used for an hour is dead there, and a dead one leads to a login: one that may be is not told. */
const tokenMinutes = 50
const lately = sql`now() - ${tokenMinutes}::int * interval '1 minute'`

/** The account's token was used lately: for something that was opened, or for what is open. */
const isFresh = sql<boolean>`(
  exists (select from outside_use o where o.account_id = u.account_id and o.opened_at > ${lately})
  or exists (select from door_pass p join tunnel t on t.pass_id = p.id where p.account_id = u.account_id
    and t.gateway_id = ${outsideGatewayId} and (t.closed_at is null or t.closed_at > ${lately})))`

/** The way in that stands for this use; `null`: it is to be opened again. */
export async function outsideEntry(executor: Executor, use: OutsideUse): Promise<OutsideEntry | null> {
  const row = await executor
    .selectFrom('outside_use as u')
    .innerJoin('outside_account as a', 'a.account_id', 'u.account_id')
    .select(['u.url', 'a.token', 'a.token_hash'])
    .where('u.session_id', '=', use.sessionId)
    .where('u.generation', '=', use.generation)
    .where('u.door', '=', use.door)
    .where('u.mode', '=', use.mode)
    .where('u.account_id', '=', use.accountId)
    .where('u.noted_at', 'is not', null)
    .where('u.withdraw_at', 'is', null)
    .where('u.withdrawn_at', 'is', null)
    .where(isFresh)
    .executeTakeFirst()
  if (row === undefined || row.url === null || row.token_hash === null) return null
  return { url: row.url, token: row.token }
}
