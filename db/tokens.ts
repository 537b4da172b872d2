import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { newId } from '../domain/ids.ts'
import type { AccountId, TokenId } from '../domain/ids.ts'
import { scopes } from '../domain/authorization.ts'
import type { Scope } from '../domain/authorization.ts'
import { createAccount } from './accounts.ts'
import { recordAudit } from './audit.ts'
import { hashOf } from './bearers.ts'
import type { Executor, Trx } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'

export interface Token {
  readonly id: TokenId
  readonly accountId: AccountId
  readonly client: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
  /** Of one that acts for others: whose accounts alone; `null`: it acts for nobody, or for any. */
  readonly issuer: string | null
}

export interface NewToken {
  readonly id: TokenId
  readonly accountId: AccountId
  readonly client: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expiresAt: Date
  readonly issuer?: string | null
  /** For a token of an issuer. */
  readonly exchanged?: boolean
}

/** A new secret: 32 random bytes. What is stored is its hash. */
export const newTokenSecret = (): string => `carrel_${randomBytes(32).toString('base64url')}`

/** What a secret looks like: anything else is not worth a query. */
export const looksLikeToken = (text: string): boolean => /^carrel_[A-Za-z0-9_-]{43}$/.test(text)

/** Stores a token and returns its secret, which is shown once and nowhere kept. */
export async function createToken(trx: Trx, token: NewToken): Promise<string> {
  const secret = newTokenSecret()
  await insertToken(trx, token, hashOf(secret))
  return secret
}

/** Stores a token that is known by this hash. */
export async function insertToken(trx: Trx, token: NewToken, hash: Buffer): Promise<void> {
  await trx
    .insertInto('token')
    .values({
      id: token.id,
      account_id: token.accountId,
      client: token.client,
      name: token.name,
      scopes: [...token.scopes],
      hash,
      expires_at: token.expiresAt,
      issuer: token.issuer ?? null,
      exchanged: token.exchanged ?? false,
    })
    .execute()
}

/** Notes that the token was used, at most once a minute; one in a browser's cookie lives on for that. */
export async function touchToken(executor: Executor, id: TokenId): Promise<void> {
  await executor
    .updateTable('token')
    .set({
      last_used_at: sql<Date>`now()`,
      idle_until: sql<Date | null>`now() + (select idle_seconds from browser_session where token_id = id) * interval '1 second'`,
    })
    .where('id', '=', id)
    .where((eb) =>
      eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', sql<Date>`now() - interval '1 minute'`)]),
    )
    .execute()
}

/** What a `Token` is made of. */
export const tokenColumns = [
  'token.id',
  'token.account_id',
  'token.client',
  'token.name',
  'token.scopes',
  'token.created_at',
  'token.expires_at',
  'token.last_used_at',
  'token.revoked_at',
  'token.issuer',
] as const

/** All but those in browsers' cookies, and keys that are never sent: they are listed for themselves. */
const tokens = (executor: Executor) =>
  executor
    .selectFrom('token')
    .where('idle_until', 'is', null)
    .where(({ not, exists, selectFrom }) => not(exists(selectFrom('hawk_key').whereRef('token_id', '=', 'token.id'))))
    .select(tokenColumns)
type Row = Awaited<ReturnType<ReturnType<typeof tokens>['executeTakeFirstOrThrow']>>

export const tokenView = (row: Row): Token => ({
  id: row.id,
  accountId: row.account_id,
  client: row.client,
  name: row.name,
  scopes: row.scopes,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
  issuer: row.issuer,
})

export async function getToken(executor: Executor, id: TokenId): Promise<Token | null> {
  const row = await tokens(executor).where('id', '=', id).executeTakeFirst()
  return row === undefined ? null : tokenView(row)
}

/** The account's tokens, newest first; revoked and expired ones too, but those of a quarter of an hour. */
export async function listTokens(
  executor: Executor,
  accountId: AccountId,
  { after, limit }: PageAsk,
): Promise<Page<Token>> {
  const rows = await tokens(executor)
    .where('account_id', '=', accountId)
    .where((eb) => eb.or([eb('exchanged', '=', false), eb('expires_at', '>', sql<Date>`now()`)]))
    .$if(after !== null, (q) => q.where('id', '<', after as TokenId))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, tokenView)
}

/** Ends a token at once. Repeats keep the first time. */
export async function revokeToken(trx: Trx, id: TokenId): Promise<void> {
  await trx
    .updateTable('token')
    .set({ revoked_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .execute()
}

const yearMs = 365 * 24 * 60 * 60 * 1_000

/**
 * Makes the installation's first admin and its token, exactly once: whoever comes later, also at the same moment, gets
 * `null`. The secret is returned for the one time it is shown.
 */
export async function firstAdmin(
  trx: Trx,
): Promise<{ readonly accountId: AccountId; readonly token: string; readonly expiresAt: Date } | null> {
  const first = await trx
    .updateTable('installation')
    .set({ first_admin_at: sql<Date>`now()` })
    .where('first_admin_at', 'is', null)
    .returning('one')
    .executeTakeFirst()
  if (first === undefined) return null
  const accountId = newId('account')
  await createAccount(trx, {
    id: accountId,
    displayName: 'First admin',
    email: null,
    organisation: null,
    roles: ['admin'],
    groups: [],
    posix: null,
  })
  const expiresAt = new Date(Date.now() + yearMs)
  const id = newId('token')
  const token = await createToken(trx, { id, accountId, client: 'bootstrap', name: 'First admin', scopes, expiresAt })
  await recordAudit(trx, {
    accountId: null,
    client: 'bootstrap',
    onBehalfOf: null,
    action: 'createFirstAdmin',
    subject: { kind: 'account', id: accountId },
    outcome: 'accepted',
    requestId: null,
  })
  return { accountId, token, expiresAt }
}
