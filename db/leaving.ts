import type { AccountId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'

/**
 * Whether the account is to be erased, and may be by now: then nothing is written into it any more. Whoever asks keeps its
 * erasure away until the transaction ends. Before a project is locked: accounts come first.
 */
export async function isLeaving(trx: Trx, id: AccountId): Promise<boolean> {
  const row = await trx
    .selectFrom('account')
    .select('erase_requested_at')
    .where('id', '=', id)
    .forShare()
    .executeTakeFirst()
  return row !== undefined && row.erase_requested_at !== null
}
