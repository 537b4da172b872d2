import { randomBytes } from 'node:crypto'
import type { AccountId, TokenId } from '../domain/ids.ts'
import { bearerColumns, bearerOf, bearers, hashOf, tokenHolds } from './bearers.ts'
import type { Bearer, BearerRow } from './bearers.ts'
import type { Executor, Trx } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { statement } from './statement.ts'
import { insertToken, revokeToken, tokenColumns, tokenView } from './tokens.ts'
import type { NewToken, Token } from './tokens.ts'

/** A key that a machine signs requests with. Whatever hangs on a token hangs on it as well: it is one that is never sent. */
export type HawkKey = Omit<Token, 'issuer'>

/** A new key: 32 random bytes. */
export const newHawkSecret = (): string => randomBytes(32).toString('base64url')

/** Stores a key. `sealed`: it has to be known to check what is signed with it. */
export async function createHawkKey(trx: Trx, key: NewToken, sealed: Buffer): Promise<void> {
  // Of bytes that nobody has: it cannot be sent as a token.
  await insertToken(trx, key, hashOf(randomBytes(32).toString('base64url')))
  await trx.insertInto('hawk_key').values({ token_id: key.id, key: sealed }).execute()
}

const byId = statement<BearerRow & { readonly key: Buffer }>(
  `select ${bearerColumns}, hawk_key.key from ${bearers} join hawk_key on hawk_key.token_id = token.id
   where token.id = $1 and length(hawk_key.key) > 0 and ${tokenHolds}`,
)

/** Whose key it is, and its sealed bytes. `null`: unknown, expired, revoked, or its account is disabled. */
export async function findHawkKey(
  executor: Executor,
  id: string,
): Promise<{ readonly bearer: Bearer; readonly sealed: Buffer } | null> {
  const [row] = await byId(executor, [id])
  return row === undefined ? null : { bearer: bearerOf(row), sealed: row.key }
}

const keys = (executor: Executor) =>
  executor.selectFrom('hawk_key').innerJoin('token', 'token.id', 'hawk_key.token_id').select(tokenColumns)

export async function getHawkKey(executor: Executor, id: TokenId): Promise<HawkKey | null> {
  const row = await keys(executor).where('token.id', '=', id).executeTakeFirst()
  return row === undefined ? null : tokenView(row)
}

/** The account's keys, newest first; revoked and expired ones too. */
export async function listHawkKeys(
  executor: Executor,
  accountId: AccountId,
  { after, limit }: PageAsk,
): Promise<Page<HawkKey>> {
  const rows = await keys(executor)
    .where('token.account_id', '=', accountId)
    .$if(after !== null, (q) => q.where('token.id', '<', after as TokenId))
    .orderBy('token.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, tokenView)
}

/** Ends a key at once, and forgets it. Repeats keep the first time. */
export async function revokeHawkKey(trx: Trx, id: TokenId): Promise<void> {
  await revokeToken(trx, id)
  await trx
    .updateTable('hawk_key')
    .set({ key: Buffer.alloc(0) })
    .where('token_id', '=', id)
    .execute()
}
