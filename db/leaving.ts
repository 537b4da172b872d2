import type { AccountId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'

/**
 * Those of the accounts that may be let in anywhere: they are active, and not to be erased. All of them stay as they are until the
 * transaction ends. Before a project or a session is locked: accounts come first, in one order.
 */
export async function holdUsable(trx: Trx, ids: readonly AccountId[]): Promise<ReadonlySet<AccountId>> {
  if (ids.length === 0) return new Set()
  const rows = await trx
    .selectFrom('account')
    .select(['id', 'disabled_at', 'erase_requested_at'])
    .where('id', 'in', [...new Set(ids)])
    .orderBy('id')
    .forShare()
    .execute()
  return new Set(rows.filter((row) => row.disabled_at === null && row.erase_requested_at === null).map(({ id }) => id))
}

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

/** Whether the account may be given a token. Until the transaction ends, nobody disables or erases it. */
export async function mayHoldToken(trx: Trx, id: AccountId): Promise<boolean> {
  const row = await trx
    .selectFrom('account')
    .select(['disabled_at', 'erase_requested_at'])
    .where('id', '=', id)
    // As strong as whoever settles more of the account needs: two who share it would wait for each other.
    .forNoKeyUpdate()
    .executeTakeFirst()
  return row !== undefined && row.disabled_at === null && row.erase_requested_at === null
}
