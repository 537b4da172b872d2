import { createHash } from 'node:crypto'
import type { AccountId, TokenId } from '../domain/ids.ts'
import type { Role, Scope } from '../domain/authorization.ts'
import type { Executor, Trx } from './connect.ts'
import { isAdmitted } from './identity-standing.ts'
import { statement } from './statement.ts'

/** Who a token speaks for, while it holds. */
export interface Bearer {
  readonly tokenId: TokenId
  readonly accountId: AccountId
  readonly client: string
  readonly scopes: readonly Scope[]
  readonly roles: readonly Role[]
  readonly expiresAt: Date
  /** Of one that acts for others: it does so for accounts with an identity of this issuer alone; `null`: for any. */
  readonly issuer: string | null
}

export interface BearerRow {
  readonly token_id: TokenId
  readonly account_id: AccountId
  readonly client: string
  readonly scopes: readonly Scope[]
  readonly roles: readonly Role[]
  readonly token_expires_at: Date
  readonly token_issuer: string | null
}

/** What a `BearerRow` is made of, from `bearers`. */
export const bearerColumns = `token.id as token_id, token.account_id, token.client, token.scopes, account.roles,
  token.expires_at as token_expires_at, token.issuer as token_issuer`
export const bearers = 'token join account on account.id = token.account_id'
/** Neither revoked nor expired, nor unused for too long where that ends it, and its account neither disabled nor out of its groups. */
export const tokenHolds = `token.revoked_at is null and token.expires_at > now()
  and (token.idle_until is null or token.idle_until > now()) and account.disabled_at is null and ${isAdmitted('account.id')}`

/** 32 random bytes need no slow hash. */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** The columns of a bearer, as the value. */
export const bearerOf = (row: BearerRow): Bearer => ({
  tokenId: row.token_id,
  accountId: row.account_id,
  client: row.client,
  scopes: row.scopes,
  roles: row.roles,
  expiresAt: row.token_expires_at,
  issuer: row.token_issuer,
})

const byHash = statement<BearerRow & { readonly hash: Buffer }>(
  `select ${bearerColumns}, token.hash from ${bearers} where token.hash = any($1) and ${tokenHolds}`,
)

/** The bearers of secrets, in their order. `null`: unknown, expired, revoked, or its account is disabled. */
export async function findBearers(executor: Executor, secrets: readonly string[]): Promise<(Bearer | null)[]> {
  const hashes = new Map(secrets.map((secret) => [secret, hashOf(secret)]))
  const rows = await byHash(executor, [[...hashes.values()]])
  return secrets.map((secret) => {
    const row = rows.find(({ hash }) => hashes.get(secret)?.equals(hash))
    return row === undefined ? null : bearerOf(row)
  })
}

/** The bearer of a secret, as `findBearers` says. */
export async function findByHash(executor: Executor, secret: string): Promise<Bearer | null> {
  const [bearer] = await findBearers(executor, [secret])
  return bearer ?? null
}

const byId = statement<unknown>(`select from ${bearers} where token.id = $1 and ${tokenHolds}`)

/** Whether the token still holds: for streams, which outlive the check at their start. */
export async function stillHolds(executor: Executor, id: TokenId): Promise<boolean> {
  return (await byId(executor, [id])).length > 0
}

/**
 * Whether the token still holds, now that nobody disables its account, or the other one, before the transaction ends. For what
 * outlasts the request: an account that was disabled and enabled since the request was let in is let in again, its token is not.
 * Before anything else is locked: accounts come first.
 */
export async function holdBearer(
  trx: Trx,
  { accountId, tokenId }: Pick<Bearer, 'accountId' | 'tokenId'>,
  other: AccountId = accountId,
): Promise<boolean> {
  const both = [accountId, other]
  await trx.selectFrom('account').select('id').where('id', 'in', both).orderBy('id').forShare().execute()
  return await stillHolds(trx, tokenId)
}
