import { sql } from 'kysely'
import { deviceSeconds, pollSeconds, pollVerdict } from '../domain/device.ts'
import type { PollVerdict } from '../domain/device.ts'
import type { AccountId, TokenId } from '../domain/ids.ts'
import type { Scope } from '../domain/authorization.ts'
import { hashOf } from './bearers.ts'
import { mayHoldToken } from './leaving.ts'
import type { Executor, Trx } from './connect.ts'
import { plainText } from './plain-text.ts'

/** A program that asks to be let in, as whoever answers sees it. */
export interface DeviceAuthorization {
  readonly tokenId: TokenId
  readonly client: string
  readonly scopes: readonly Scope[]
  readonly userAgent: string | null
  readonly address: string | null
  readonly madeAt: Date
  readonly expiresAt: Date
}

export interface NewDeviceAuthorization {
  readonly tokenId: TokenId
  readonly deviceCode: string
  /** Of the code that a person types. */
  readonly userDigest: string
  readonly client: string
  readonly scopes: readonly Scope[]
  readonly userAgent: string | null
  readonly address: string
}

/** Remembers the wish for 10 minutes, by hashes. Forgets those whose time is over. `taken`: the person's code is another's just now. */
export async function beginDevice(executor: Executor, asked: NewDeviceAuthorization): Promise<'begun' | 'taken'> {
  await sql`delete from device_authorization where device_hash = any(array(
    select device_hash from device_authorization where expires_at < now() - interval '10 minutes'
    order by expires_at limit 100 for update skip locked))`.execute(executor)
  const made = await executor
    .insertInto('device_authorization')
    .values({
      device_hash: hashOf(asked.deviceCode),
      user_digest: asked.userDigest,
      token_id: asked.tokenId,
      client: asked.client,
      scopes: [...asked.scopes],
      user_agent: asked.userAgent === null ? null : plainText(asked.userAgent, 200),
      address: asked.address,
      interval_seconds: pollSeconds,
      expires_at: sql<Date>`now() + ${deviceSeconds}::int * interval '1 second'`,
    })
    .onConflict((conflict) => conflict.column('user_digest').doNothing())
    .returning('token_id')
    .executeTakeFirst()
  return made === undefined ? 'taken' : 'begun'
}

const unanswered = (executor: Executor, userDigest: string) =>
  executor
    .selectFrom('device_authorization')
    .select(['token_id', 'client', 'scopes', 'user_agent', 'address', 'made_at', 'expires_at'])
    .where('user_digest', '=', userDigest)
    .where('state', '=', 'pending')
    .where('expires_at', '>', sql<Date>`now()`)
type Row = Awaited<ReturnType<ReturnType<typeof unanswered>['executeTakeFirstOrThrow']>>

const view = (row: Row): DeviceAuthorization => ({
  tokenId: row.token_id,
  client: row.client,
  scopes: row.scopes,
  userAgent: row.user_agent,
  address: row.address,
  madeAt: row.made_at,
  expiresAt: row.expires_at,
})

/** What waits for an answer under this code. `null`: nothing, or not any more. */
export async function findDevice(executor: Executor, userDigest: string): Promise<DeviceAuthorization | null> {
  const row = await unanswered(executor, userDigest).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** The same, and nobody else answers it before this transaction has ended. */
export async function lockDevice(trx: Trx, userDigest: string): Promise<DeviceAuthorization | null> {
  const row = await unanswered(trx, userDigest).forUpdate().executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** Writes an answer. Call with it locked. `scopes`: what is given; `null`: it is denied. */
export async function answerDevice(
  trx: Trx,
  id: TokenId,
  accountId: AccountId,
  scopes: readonly Scope[] | null,
): Promise<void> {
  await trx
    .updateTable('device_authorization')
    .set({
      account_id: accountId,
      ...(scopes === null ? { state: 'denied' } : { state: 'approved', scopes: [...scopes] }),
    })
    .where('token_id', '=', id)
    .execute()
}

export type Polled =
  | { readonly kind: Exclude<PollVerdict, 'fetch'> }
  | {
      readonly kind: 'fetch'
      readonly tokenId: TokenId
      readonly accountId: AccountId
      readonly client: string
      readonly scopes: readonly Scope[]
    }

const byDevice = (executor: Executor, deviceCode: string) =>
  executor.selectFrom('device_authorization').select('account_id').where('device_hash', '=', hashOf(deviceCode))

/**
 * What came of it, for the program that asks: approved, it is fetched by this, once. Locks the account that approved it first: who
 * disables that takes the approval back.
 */
export async function pollDevice(trx: Trx, deviceCode: string, client: string): Promise<Polled> {
  const before = await byDevice(trx, deviceCode).executeTakeFirst()
  const approver = before?.account_id ?? null
  const mayHold = approver !== null && (await mayHoldToken(trx, approver))
  const row = await byDevice(trx, deviceCode)
    .select(['device_hash', 'token_id', 'client', 'scopes', 'state', 'interval_seconds'])
    .select(sql<boolean>`expires_at <= now()`.as('is_expired'))
    .select(sql<number | null>`extract(epoch from clock_timestamp() - polled_at)::float8`.as('since_poll'))
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined || row.client !== client) return { kind: 'invalid_grant' }
  // It was answered just now: the next poll is told.
  if (row.account_id !== approver) return { kind: 'authorization_pending' }
  const kind = pollVerdict({
    state: row.state,
    isExpired: row.is_expired,
    secondsSincePoll: row.since_poll,
    intervalSeconds: row.interval_seconds,
  })
  const { token_id: tokenId, account_id: accountId, scopes } = row
  const isFetched = kind === 'fetch' && accountId !== null
  await trx
    .updateTable('device_authorization')
    .set({
      polled_at: sql<Date>`clock_timestamp()`,
      ...(kind === 'slow_down' ? { interval_seconds: row.interval_seconds + pollSeconds } : {}),
      ...(isFetched ? { state: 'taken' } : {}),
    })
    .where('device_hash', '=', row.device_hash)
    .execute()
  if (kind !== 'fetch') return { kind }
  if (!mayHold) return { kind: 'access_denied' }
  return accountId === null ? { kind: 'invalid_grant' } : { kind, tokenId, accountId, client, scopes }
}
