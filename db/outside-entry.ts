import type { Executor } from './connect.ts'
import type { OutsideUse } from './outside-accounts.ts'

/** Where somebody enters outside, and with which token, sealed. */
export interface OutsideEntry {
  readonly url: string
  readonly token: Buffer
}

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
    .executeTakeFirst()
  if (row === undefined || row.url === null || row.token_hash === null) return null
  return { url: row.url, token: row.token }
}
