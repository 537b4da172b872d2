import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import { revokeBrowserSessions } from './browser-sessions.ts'
import type { Executor, Trx } from './connect.ts'
import { lockIdentity } from './identity-claims.ts'
import { isAdmitted } from './identity-standing.ts'
import { endTokens } from './token-endings.ts'

/** An issuer as the site configures it. */
export interface Gate {
  readonly issuer: string
  /** So long its word on groups counts for programs; `null`: groups decide nothing. */
  readonly holdsSeconds: number | null
}

/** Has the database know of which issuers groups decide. One that is not named stays as it was: it stands for nobody new. */
export async function declareGates(executor: Executor, gates: readonly Gate[]): Promise<void> {
  const gated = gates.flatMap(({ issuer, holdsSeconds }) => (holdsSeconds === null ? [] : [{ issuer, holdsSeconds }]))
  const open = gates.filter(({ holdsSeconds }) => holdsSeconds === null).map(({ issuer }) => issuer)
  await sql`
    with gone as (delete from gated_issuer where issuer = any(${open}))
    insert into gated_issuer (issuer, holds_seconds)
    select issuer, "holdsSeconds" from json_to_recordset(${JSON.stringify(gated)}::json) as g(issuer text, "holdsSeconds" int)
    order by issuer
    on conflict (issuer) do update set holds_seconds = excluded.holds_seconds
    where gated_issuer.holds_seconds <> excluded.holds_seconds`.execute(executor)
}

interface Key {
  readonly issuer: string
  readonly subject: string
}

/**
 * Notes that an issuer says, or said at `at`, that an identity is in its groups. A newer word stays; `false`: that says that it is not.
 */
export async function notePassed(trx: Trx, { issuer, subject }: Key, at: Date | null = null): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update identity set denied_at = null,
      checked_at = greatest(checked_at, least(now(), coalesce(${at}::timestamptz, now())))
    where issuer = ${issuer} and subject = ${subject} and coalesce(${at}::timestamptz > denied_at, true)`.execute(trx)
  return numAffectedRows === 1n
}

/** Who is let in no more; `all`: by no other identity either. */
export interface Withdrawn {
  readonly accountId: AccountId
  readonly all: boolean
}

/**
 * Notes that an issuer says, or said at `at`, that an identity is not in its groups: what it signed in ends, and all that speaks for
 * its account, unless another identity lets that in. `null`: there was nothing to withdraw, or a newer word says that it is in them.
 */
export async function noteFailed(trx: Trx, key: Key, at: Date | null = null): Promise<Withdrawn | null> {
  const holder = await lockIdentity(trx, key)
  if (holder === null) return null
  const { accountId } = holder
  await trx.selectFrom('account').select('id').where('id', '=', accountId).forNoKeyUpdate().execute()
  const { rows: before } = await sql<{ was: boolean }>`
    select checked_at is not null as was from identity where issuer = ${key.issuer} and subject = ${key.subject}
      and coalesce(checked_at <= coalesce(${at}::timestamptz, now()), true)`.execute(trx)
  const [known] = before
  if (known === undefined) return null
  await sql`
    update identity set checked_at = null, denied_at = greatest(denied_at, coalesce(${at}::timestamptz, now()))
    where issuer = ${key.issuer} and subject = ${key.subject}`.execute(trx)
  const { rows } = await sql<{ admitted: boolean }>`
    select ${sql.raw(isAdmitted('a.id'))} as admitted from account a where a.id = ${accountId}`.execute(trx)
  const all = rows[0]?.admitted !== true
  const ended = all ? await endTokens(trx, accountId) : (await revokeBrowserSessions(trx, key)).length > 0
  return known.was || ended ? { accountId, all } : null
}
