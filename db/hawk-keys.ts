import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { AccountId, TokenId } from '../domain/ids.ts'
import { bearerColumns, bearerOf, bearers, hashOf, tokenHolds } from './bearers.ts'
import type { Bearer, BearerRow } from './bearers.ts'
import type { Executor, Trx } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { statement } from './statement.ts'
import type { NewToken, Token } from './tokens.ts'

/** A key that a machine signs requests with. Whatever hangs on a token hangs on it as well: it is one that is never sent. */
export type HawkKey = Omit<Token, 'issuer'>

/** A new key: 32 random bytes. */
export const newHawkSecret = (): string => randomBytes(32).toString('base64url')

/** Stores a key. `sealed`: it has to be known to check what is signed with it. */
export async function createHawkKey(trx: Trx, key: NewToken, sealed: Buffer): Promise<void> {
  await trx
    .insertInto('token')
    .values({
      id: key.id,
      account_id: key.accountId,
      client: key.client,
      name: key.name,
      scopes: [...key.scopes],
      // Of bytes that nobody has: it cannot be sent as a token.
      hash: hashOf(randomBytes(32).toString('base64url')),
      expires_at: key.expiresAt,
    })
    .execute()
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
  executor
    .selectFrom('hawk_key as h')
    .innerJoin('token as k', 'k.id', 'h.token_id')
    .select(['k.id', 'k.account_id', 'k.client', 'k.name', 'k.scopes'])
    .select(['k.created_at', 'k.expires_at', 'k.last_used_at', 'k.revoked_at'])
type Row = Awaited<ReturnType<ReturnType<typeof keys>['executeTakeFirstOrThrow']>>

const view = (row: Row): HawkKey => ({
  id: row.id,
  accountId: row.account_id,
  client: row.client,
  name: row.name,
  scopes: row.scopes,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
})

export async function getHawkKey(executor: Executor, id: TokenId): Promise<HawkKey | null> {
  const row = await keys(executor).where('k.id', '=', id).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** The account's keys, newest first; revoked and expired ones too. */
export async function listHawkKeys(
  executor: Executor,
  accountId: AccountId,
  { after, limit }: PageAsk,
): Promise<Page<HawkKey>> {
  const rows = await keys(executor)
    .where('k.account_id', '=', accountId)
    .$if(after !== null, (q) => q.where('k.id', '<', after as TokenId))
    .orderBy('k.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, view)
}

/** Ends a key at once, and forgets it. Repeats keep the first time. */
export async function revokeHawkKey(trx: Trx, id: TokenId): Promise<void> {
  await trx
    .updateTable('token')
    .set({ revoked_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .execute()
  await trx
    .updateTable('hawk_key')
    .set({ key: Buffer.alloc(0) })
    .where('token_id', '=', id)
    .execute()
}
