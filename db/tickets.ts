import { sql } from 'kysely'
import { verdictOf } from '../domain/door-verdict.ts'
import { longestPassMs, looksLikePass, looksLikeTicket, ticketLifeMs } from '../domain/doors.ts'
import type { DoorHost } from '../domain/doors.ts'
import { newId } from '../domain/ids.ts'
import type { AccountId, SessionId, TokenId } from '../domain/ids.ts'
import type { DoorMode } from '../domain/template.ts'
import { recordOpened } from './connections.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { noteInput } from './door-activity.ts'
import { hashOf, newPass, newTicket } from './door-secrets.ts'
import { factsOf, passRows } from './pass-facts.ts'

export interface TicketWish {
  readonly host: DoorHost
  readonly mode: DoorMode
  readonly accountId: AccountId
  /** By what right: with this token everything ends that the ticket opens. */
  readonly tokenId: TokenId
  /** Where to go once inside; parsed before. */
  readonly path: string
}

/** Stores a ticket for 30 s and returns it: it opens the door once. Whether it may is asked again when it is redeemed. */
export async function issueTicket(
  trx: Trx,
  wish: TicketWish,
): Promise<{ readonly ticket: string; readonly expiresAt: Date }> {
  const ticket = newTicket()
  const { expires_at } = await trx
    .insertInto('door_ticket')
    .values({
      hash: hashOf(ticket),
      session_id: wish.host.sessionId,
      door: wish.host.door,
      mode: wish.mode,
      account_id: wish.accountId,
      token_id: wish.tokenId,
      host: wish.host.name,
      path: wish.path,
      expires_at: sql<Date>`now() + ${ticketLifeMs}::int * interval '1 millisecond'`,
    })
    .returning('expires_at')
    .executeTakeFirstOrThrow()
  return { ticket, expiresAt: expires_at }
}

/** Makes the tickets worthless that an account has for a session. */
export async function voidTickets(trx: Trx, sessionId: SessionId, accountId: AccountId): Promise<void> {
  await trx
    .updateTable('door_ticket')
    .set({ used_at: sql<Date>`now()` })
    .where('session_id', '=', sessionId)
    .where('account_id', '=', accountId)
    .where('used_at', 'is', null)
    .execute()
}

/** So many passes of a browser are asked about at most. */
const mostExisting = 20

/** Why a ticket opens nothing. `other_account`: the browser has somebody else's pass, and the ticket stays good. */
export type TicketRefusal =
  'ticket_unknown' | 'ticket_used' | 'ticket_expired' | 'other_account' | 'no_access' | 'ended'

export type Redeemed =
  | { readonly kind: 'pass'; readonly pass: string; readonly path: string; readonly expiresAt: number }
  | {
      readonly kind: 'refused'
      readonly code: TicketRefusal
      /** Of `other_account`: whose pass the browser has, and whose ticket this is, as their users know them. */
      readonly current?: string
      readonly asked?: string
    }

/**
 * Makes a pass of a ticket: once, at its own host, in its time, and only while its right holds. `existingPasses`: what the
 * browser has, some of it planted perhaps; where the first live one is another account's, it is not replaced.
 */
export async function redeemTicket(
  db: Db,
  ticket: string,
  host: DoorHost,
  existingPasses: readonly string[],
): Promise<Redeemed> {
  if (!looksLikeTicket(ticket)) return { kind: 'refused', code: 'ticket_unknown' }
  const existing = existingPasses.filter(looksLikePass).slice(0, mostExisting).map(hashOf)
  return await db.transaction().execute(async (trx) => {
    await holdSession(trx, ticket, host)
    const pass = newPass()
    const made = await redeem(trx, { ticket, host, existing, pass })
    if (made === null) return await refusalOf(trx, ticket, host, existing)
    const row = await passRows(trx).where('p.id', '=', made.id).executeTakeFirstOrThrow()
    const kind = verdictOf(factsOf(row))
    if (kind !== 'open' && kind !== 'not_ready') {
      // The ticket stays used.
      await trx.deleteFrom('door_pass').where('id', '=', made.id).execute()
      return { kind: 'refused', code: kind === 'ended' ? 'ended' : 'no_access' }
    }
    await recordOpened(trx, row)
    await noteInput(trx, row.session_id)
    return { kind: 'pass', pass, path: made.path, expiresAt: row.expires_at.getTime() }
  })
}

/**
 * Locks the session of a ticket that is good, before the ticket: what decides is read after it, and whoever ends the session
 * or a right comes before all of this or after it.
 */
async function holdSession(trx: Trx, ticket: string, host: DoorHost): Promise<void> {
  await sql`
    select from session s where s.id = (select t.session_id from door_ticket t
      where t.hash = ${hashOf(ticket)} and t.host = ${host.name} and t.used_at is null and t.expires_at > now())
    for no key update`.execute(trx)
}

interface Redeeming {
  readonly ticket: string
  readonly host: DoorHost
  readonly existing: readonly Buffer[]
  readonly pass: string
}

/** In one statement, whose lock on the ticket lets one of many through. */
async function redeem(trx: Trx, { ticket, host, existing, pass }: Redeeming) {
  const { rows } = await sql<{ id: string; path: string }>`
    with redeemed as (
      update door_ticket t set used_at = now()
      where t.hash = ${hashOf(ticket)} and t.host = ${host.name} and t.used_at is null and t.expires_at > now()
        and not exists (select from (${livePass(existing)}) e where e.account_id <> t.account_id)
      returning t.*),
    made as (
      insert into door_pass (id, hash, session_id, door, mode, account_id, token_id, host, expires_at)
      select ${newId('pass')}, ${hashOf(pass)}, r.session_id, r.door, r.mode, r.account_id, r.token_id, r.host,
        least(now() + ${longestPassMs}::int * interval '1 millisecond', coalesce(b.ends_at, k.expires_at), s.expires_at,
          s.lifetime_ends_at)
      from redeemed r join token k on k.id = r.token_id join session s on s.id = r.session_id
        left join browser_session b on b.token_id = k.id
      returning id)
    select made.id, redeemed.path from made, redeemed`.execute(trx)
  return rows[0] ?? null
}

/** The pass that the browser uses the door by at the host of ticket `t`: the first live one of those that it has. */
const livePass = (existing: readonly Buffer[]) => sql`
  select p.account_id from unnest(${[...existing]}::bytea[]) with ordinality as had(hash, place)
    join door_pass p on p.hash = had.hash and p.host = t.host and p.ended_at is null and p.expires_at > now()
  order by had.place limit 1`

async function refusalOf(
  executor: Executor,
  ticket: string,
  host: DoorHost,
  existing: readonly Buffer[],
): Promise<Redeemed> {
  const { rows } = await sql<{ used: boolean; expired: boolean; asked: string; current: string | null }>`
    select t.used_at is not null as used, t.expires_at <= now() as expired, a.display_name as asked,
      (select ea.display_name from (${livePass(existing)}) e join account ea on ea.id = e.account_id) as current
    from door_ticket t join account a on a.id = t.account_id
    where t.hash = ${hashOf(ticket)} and t.host = ${host.name}`.execute(executor)
  const found = rows[0]
  // Of a ticket for another door nothing is told.
  if (found === undefined) return { kind: 'refused', code: 'ticket_unknown' }
  if (found.used) return { kind: 'refused', code: 'ticket_used' }
  if (found.expired || found.current === null) return { kind: 'refused', code: 'ticket_expired' }
  return { kind: 'refused', code: 'other_account', current: found.current, asked: found.asked }
}
