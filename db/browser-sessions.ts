import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { scopes } from '../domain/authorization.ts'
import { newId } from '../domain/ids.ts'
import type { AccountId, TokenId } from '../domain/ids.ts'
import { groupsAgainSeconds, groupsStaleSeconds } from '../domain/sign-in.ts'
import type { SessionLimits } from '../domain/sign-in.ts'
import { findByHash, hashOf } from './bearers.ts'
import type { Bearer } from './bearers.ts'
import type { Executor, Trx } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { plainText } from './plain-text.ts'

/**
 * A browser that is signed in. It is a token that lives in a cookie: whatever hangs on a token (doors, streams, what is done
 * with it) hangs on it as well, and ends with it.
 */
export interface BrowserSession {
  /** Also the id of its token. */
  readonly id: TokenId
  readonly accountId: AccountId
  readonly issuer: string
  readonly subject: string
  readonly createdAt: Date
  readonly lastSeenAt: Date
  /** When it ends at the latest; earlier if it is not used. */
  readonly endsAt: Date
  readonly idleUntil: Date
  readonly userAgent: string | null
  readonly address: string | null
}

export interface NewBrowserSession {
  /** Made here where nobody needs it before. */
  readonly id?: TokenId
  readonly accountId: AccountId
  readonly issuer: string
  readonly subject: string
  readonly sid?: string | null
  readonly limits: SessionLimits
  readonly userAgent?: string | null
  readonly address?: string | null
  /** Its issuer has to say again and again that it may be signed in: fails closed. */
  readonly rechecked?: boolean
  /** Sealed, for the place of this id. */
  readonly tokens?: Buffer
}

/** A new secret: 32 random bytes, unlike a token's, so that neither is taken for the other. */
const newBrowserSecret = (): string => `cb_${randomBytes(32).toString('base64url')}`
export const looksLikeBrowserSecret = (text: string): boolean => /^cb_[A-Za-z0-9_-]{43}$/.test(text)

/** With the rights of its account, but none that are for machines. */
const forMachines: readonly string[] = ['act-as', 'provision']
const browserScopes = scopes.filter((scope) => !forMachines.includes(scope))

/** Signs a browser in. The secret goes into its cookie and is nowhere kept. */
export async function openBrowserSession(
  trx: Trx,
  opened: NewBrowserSession,
): Promise<{ readonly id: TokenId; readonly secret: string; readonly expiresAt: Date }> {
  const { accountId, issuer, subject, limits, rechecked = false, userAgent: agent = null } = opened
  const id = opened.id ?? newId('token')
  const secret = newBrowserSecret()
  const after = (seconds: number) => sql<Date>`now() + ${seconds}::int * interval '1 second'`
  await trx
    .insertInto('token')
    .values({
      id,
      account_id: accountId,
      client: 'browser',
      name: 'Browser session',
      scopes: [...browserScopes],
      hash: hashOf(secret),
      expires_at: after(rechecked ? Math.min(limits.absoluteSeconds, groupsStaleSeconds) : limits.absoluteSeconds),
      idle_until: after(limits.idleSeconds),
    })
    .execute()
  const { ends_at } = await trx
    .insertInto('browser_session')
    .values({
      token_id: id,
      account_id: accountId,
      issuer,
      subject,
      sid: opened.sid ?? null,
      ends_at: after(limits.absoluteSeconds),
      idle_seconds: limits.idleSeconds,
      user_agent: agent === null ? null : plainText(agent, 200),
      address: opened.address ?? null,
      checked_at: rechecked ? sql<Date>`now()` : null,
      check_at: rechecked ? after(groupsAgainSeconds) : null,
      ...(opened.tokens === undefined ? {} : { tokens: opened.tokens }),
    })
    .returning('ends_at')
    .executeTakeFirstOrThrow()
  return { id, secret, expiresAt: ends_at }
}

/** Whose browser session it is. `null`: unknown, ended, idle for too long, or its account is disabled. */
export async function findBrowserSession(executor: Executor, secret: string): Promise<Bearer | null> {
  return looksLikeBrowserSecret(secret) ? await findByHash(executor, secret) : null
}

const live = (executor: Executor) =>
  executor
    .selectFrom('browser_session as b')
    .innerJoin('token as k', 'k.id', 'b.token_id')
    .where('k.revoked_at', 'is', null)
    .where('k.expires_at', '>', sql<Date>`now()`)
    .where('k.idle_until', '>', sql<Date>`now()`)
    .select(['b.token_id', 'b.account_id', 'b.issuer', 'b.subject', 'b.ends_at', 'b.user_agent', 'b.address'])
    .select(['k.created_at', 'k.last_used_at', 'k.idle_until'])
type Row = Awaited<ReturnType<ReturnType<typeof live>['executeTakeFirstOrThrow']>>

const view = (row: Row): BrowserSession => ({
  id: row.token_id,
  accountId: row.account_id,
  issuer: row.issuer,
  subject: row.subject,
  createdAt: row.created_at,
  lastSeenAt: row.last_used_at ?? row.created_at,
  endsAt: row.ends_at,
  idleUntil: row.idle_until ?? row.ends_at,
  userAgent: row.user_agent,
  address: row.address,
})

export async function getBrowserSession(executor: Executor, id: TokenId): Promise<BrowserSession | null> {
  const row = await live(executor).where('b.token_id', '=', id).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** The account's browser sessions that hold, newest first. */
export async function listBrowserSessions(
  executor: Executor,
  accountId: AccountId,
  { after, limit }: PageAsk,
): Promise<Page<BrowserSession>> {
  const rows = await live(executor)
    .where('b.account_id', '=', accountId)
    .$if(after !== null, (q) => q.where('b.token_id', '<', after as TokenId))
    .orderBy('b.token_id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(
    rows.map((row) => ({ ...row, id: row.token_id })),
    limit,
    view,
  )
}

/** Which browser sessions: one, all of an account but perhaps one, all behind one session at the issuer, all of an identity. */
export type WhichSessions =
  | { readonly id: TokenId }
  | { readonly accountId: AccountId; readonly but?: TokenId }
  | { readonly issuer: string; readonly sid: string; readonly subject: string | null }
  | { readonly issuer: string; readonly subject: string }

function chosen(which: WhichSessions): RawBuilder<boolean> {
  if ('id' in which) return sql`b.token_id = ${which.id}`
  if ('accountId' in which) return sql`b.account_id = ${which.accountId} and b.token_id <> ${which.but ?? ''}`
  if ('sid' in which)
    // Of whom the issuer never said by which of its sessions, it may be any.
    return sql`b.issuer = ${which.issuer} and case when b.sid is null then b.subject = ${which.subject}
      else b.sid = ${which.sid} and b.subject = coalesce(${which.subject}::text, b.subject) end`
  return sql`b.issuer = ${which.issuer} and b.subject = ${which.subject}`
}

/** Ends browser sessions at once, and forgets what their issuer gave. Repeats keep the first time. Returns those it ended. */
export async function revokeBrowserSessions(trx: Trx, which: WhichSessions): Promise<readonly TokenId[]> {
  const { rows } = await sql<{ id: TokenId }>`
    with forgotten as (
      update browser_session b set tokens = '', check_at = null where ${chosen(which)} returning b.token_id)
    update token set revoked_at = now() from forgotten
    where token.id = forgotten.token_id and token.revoked_at is null returning token.id`.execute(trx)
  return rows.map((row) => row.id)
}

/** Ends every browser session of an account: of one that is disabled. */
export const revokeAllOf = async (trx: Trx, accountId: AccountId): Promise<readonly TokenId[]> =>
  await revokeBrowserSessions(trx, { accountId })

/** Who signed a browser in, and what it gave, sealed; empty: nothing. `null`: there is no such session. */
export async function issuerTokensOf(
  executor: Executor,
  id: TokenId,
): Promise<{ readonly issuer: string; readonly tokens: Buffer } | null> {
  const row = await executor
    .selectFrom('browser_session')
    .select(['issuer', 'tokens'])
    .where('token_id', '=', id)
    .executeTakeFirst()
  return row ?? null
}
