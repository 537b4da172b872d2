import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { groupsAgainSeconds, groupsStaleSeconds } from '../domain/sign-in.ts'
import type { TokenId } from '../domain/ids.ts'
import type { Executor, Trx } from './connect.ts'

/** A browser session whose issuer is to be asked again. */
export interface DueSession {
  readonly id: TokenId
  readonly accountId: string
  readonly issuer: string
  readonly subject: string
  readonly tokens: Buffer
}

/** Of one issuer, or of all but these. */
export type WhichIssuers = { readonly issuer: string } | { readonly but: readonly string[] }

const retrySeconds = 45
/** A pass that was used within this is in use. */
const inUseSeconds = 120

// Programs of the same person, and portals that are bound to the issuer, live on its word as well: without a browser that is in use,
// the grant of the newest one asks for them.
const forPrograms = sql`d.tokens <> '' and (
    exists (select from token t where t.account_id = d.account_id and t.idle_until is null and t.revoked_at is null
      and t.expires_at > now())
    or exists (select from token t where t.issuer = d.issuer and t.revoked_at is null and t.expires_at > now()))
  and not exists (select from browser_session n where n.issuer = d.issuer and n.subject = d.subject
    and n.token_id > d.token_id and n.check_at is not null and n.tokens <> '')`

/** It is used, itself or by a door. */
const inUse = sql`k.expires_at > now() and (k.idle_until > now() or exists (select from door_pass p where p.token_id = k.id
  and p.ended_at is null and p.used_at > now() - ${inUseSeconds}::int * interval '1 second'))`

/**
 * Takes some browser sessions whose issuer is to be asked again, each for a while: whoever else looks passes them over. First those
 * that somebody uses, for they end soon; then those that a program needs, which may be everybody's. The others are left to end.
 */
export async function claimDue(executor: Executor, which: WhichIssuers, most: number): Promise<readonly DueSession[]> {
  const theirs = 'issuer' in which ? sql`d.issuer = ${which.issuer}` : sql`d.issuer <> all(${[...which.but]}::text[])`
  const used = await claim(executor, sql`${theirs} and ${inUse}`, most)
  if (used.length === most) return used
  return [...used, ...(await claim(executor, sql`${theirs} and ${forPrograms}`, most - used.length))]
}

async function claim(executor: Executor, which: RawBuilder<unknown>, most: number): Promise<readonly DueSession[]> {
  const { rows } = await sql<DueSession>`
    update browser_session b set check_at = now() + ${retrySeconds}::int * interval '1 second'
    where b.token_id = any(array(
      select d.token_id from browser_session d join token k on k.id = d.token_id
      where d.check_at <= now() and k.revoked_at is null and ${which}
      order by d.check_at limit ${most} for no key update of d skip locked))
    returning b.token_id as id, b.account_id as "accountId", b.issuer, b.subject, b.tokens`.execute(executor)
  return rows
}

/** Its issuer still stands for it: it holds 15 minutes more, up to its end, and programs live on. What has ended stays ended. */
export async function prolong(trx: Trx, id: TokenId, tokens: Buffer): Promise<void> {
  // The identity before what it opened, as whoever signs in with it or ends that.
  await sql`select from identity i join browser_session b on b.issuer = i.issuer and b.subject = i.subject
    where b.token_id = ${id} for no key update of i`.execute(trx)
  await sql`
    with checked as (
      update browser_session b set tokens = ${tokens}, checked_at = now(),
        check_at = now() + ${groupsAgainSeconds}::int * interval '1 second'
      where b.token_id = ${id} and exists (select from token k where k.id = b.token_id and k.revoked_at is null)
      returning b.token_id, b.ends_at, b.issuer, b.subject),
    word as (
      update identity i set checked_at = now() from checked where i.issuer = checked.issuer and i.subject = checked.subject)
    update token set expires_at = least(checked.ends_at, now() + ${groupsStaleSeconds}::int * interval '1 second')
    from checked where token.id = checked.token_id and token.expires_at > now()`.execute(trx)
}
