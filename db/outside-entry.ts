import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Db, Executor } from './connect.ts'
import { isUse } from './outside-accounts.ts'
import type { OutsideUse } from './outside-accounts.ts'
import { outsideGatewayId } from './outside-tunnels.ts'
import { answerOf, wantUse } from './outside-uses.ts'

/** Where somebody enters outside, and with which token, sealed. */
export interface OutsideEntry {
  readonly url: string
  readonly token: Buffer
}

/**
 * A token dies with the web application that it lives in, at any time, and a dead one leads to a login. So what nothing was seen
 * of for so long is not told before the gateway was asked about it again.
 */
const provenSeconds = 120
/** Open tunnels are listed every few seconds; one that was not lately is perhaps none. */
const listedSeconds = 60
const ago = (seconds: number) => sql`now() - ${seconds}::int * interval '1 second'`

/** The account's token was seen to live: something was opened with it just now, or is open. */
const isProven = sql<boolean>`(
  exists (select from outside_use o where o.account_id = u.account_id and o.opened_at > ${ago(provenSeconds)})
  or exists (select from door_pass p join tunnel t on t.pass_id = p.id where p.account_id = u.account_id
    and t.gateway_id = ${outsideGatewayId} and t.closed_at is null and t.touched_at > ${ago(listedSeconds)}))`

const askMs = 250
const usualPatienceMs = 8_000

/**
 * The way in that stands for this use; `null`: it is to be opened again. Where it may stand no more, it is asked for as at every
 * opening, and waited for so many ms. @throws Error where nothing is known by then
 */
export async function outsideEntry(
  db: Db,
  use: OutsideUse,
  patienceMs = usualPatienceMs,
): Promise<OutsideEntry | null> {
  const standing = await standingEntry(db, use)
  if (standing === null || standing.proven) return standing
  const asking = await askAgain(db, use)
  for (const until = Date.now() + patienceMs; asking !== null && Date.now() < until; await delay(askMs)) {
    const { kind } = await answerOf(db, use, asking)
    if (kind === 'open') return await standingEntry(db, use)
    if (kind === 'refused') return null
  }
  if (asking === null) return null
  throw new Error(`the gateway outside has not answered within ${patienceMs} ms`)
}

async function standingEntry(executor: Executor, use: OutsideUse) {
  const row = await executor
    .selectFrom('outside_use as u')
    .innerJoin('outside_account as a', 'a.account_id', 'u.account_id')
    .select(['u.url', 'a.token', 'a.token_hash', isProven.as('proven')])
    .where('u.session_id', '=', use.sessionId)
    .where('u.generation', '=', use.generation)
    .where('u.door', '=', use.door)
    .where('u.mode', '=', use.mode)
    .where('u.account_id', '=', use.accountId)
    .where('u.noted_at', 'is not', null)
    .where('u.withdraw_at', 'is', null)
    .where('u.withdrawn_at', 'is', null)
    .executeTakeFirst()
  if (row === undefined || row.url === null || row.token_hash === null) return null
  return { url: row.url, token: row.token, proven: row.proven }
}

/** Asks once for all who wait. `null`: what stood is withdrawn meanwhile, and nobody revives it. */
async function askAgain(db: Db, use: OutsideUse): Promise<number | null> {
  return await db.transaction().execute(async (trx) => {
    // Locked in the order of whoever withdraws.
    await trx.selectFrom('session').select('id').where('id', '=', use.sessionId).forNoKeyUpdate().executeTakeFirst()
    // In this order: an answer that comes between the two is seen by the second.
    const row = await trx.selectFrom('outside_use').select(['wanted', 'answered']).where(isUse(use)).executeTakeFirst()
    const standing = await standingEntry(trx, use)
    if (standing === null || row === undefined) return null
    return standing.proven || row.answered < row.wanted ? row.wanted : await wantUse(trx, use)
  })
}
