import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import { revokeAllOf } from './browser-sessions.ts'
import type { Trx } from './connect.ts'

/**
 * Ends all that speaks for an account, for good: tokens, keys, browsers that are signed in, and what was about to become a token.
 * Returns whether there was a token, a key or a browser.
 */
export async function endTokens(trx: Trx, id: AccountId): Promise<boolean> {
  const browsers = await revokeAllOf(trx, id)
  const { numUpdatedRows } = await trx
    .updateTable('token')
    .set({ revoked_at: sql<Date>`now()` })
    .where('account_id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  await sql`update hawk_key set key = '' from token
    where token.id = hawk_key.token_id and token.account_id = ${id} and hawk_key.key <> ''`.execute(trx)
  // Who approves or fetches one locks the account first, and finds it so.
  await trx.deleteFrom('device_authorization').where('account_id', '=', id).execute()
  return browsers.length > 0 || numUpdatedRows > 0n
}
