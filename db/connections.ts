import { sql } from 'kysely'
import type { CloseReason } from '../domain/doors.ts'
import { verdictOf } from '../domain/door-verdict.ts'
import type { VerdictKind } from '../domain/door-verdict.ts'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { DoorMode } from '../domain/template.ts'
import { recordAudit } from './audit.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { recordEvent } from './events.ts'
import { factsOf, passRows } from './pass-facts.ts'

/** A connection of which nothing was seen for so long is closed, seconds; a later use opens it again. */
export const unusedSeconds = 60
/** How long gateways are given to end what is open for a pass that is worth nothing any more, and to say what it came to. */
const partingSeconds = 15
const passesAtOnce = 500

interface Connected {
  readonly id: string
  readonly session_id: SessionId
  readonly door: string
  readonly mode: DoorMode
  readonly account_id: AccountId
}

/** Notes, in the session's history and in the audit, that an account's use of a door begins. */
export async function recordOpened(trx: Trx, pass: Connected): Promise<void> {
  const data = { door: pass.door, mode: pass.mode, accountId: pass.account_id }
  await recordEvent(trx, pass.session_id, 'connection.opened', data)
  await auditConnection(trx, pass, 'enterDoor', data)
}

async function auditConnection(trx: Trx, pass: Connected, action: string, detail: Record<string, unknown>) {
  const holder = await trx
    .selectFrom('door_pass as p')
    .innerJoin('token as k', 'k.id', 'p.token_id')
    .select(['k.account_id', 'k.client'])
    .where('p.id', '=', pass.id)
    .executeTakeFirstOrThrow()
  await recordAudit(trx, {
    accountId: holder.account_id,
    client: holder.client,
    onBehalfOf: holder.account_id === pass.account_id ? null : pass.account_id,
    action,
    subject: { kind: 'session', id: pass.session_id },
    outcome: 'accepted',
    requestId: null,
    detail,
  })
}

/** Which passes: always such that have not ended. */
interface Closing {
  readonly reason: CloseReason
  /** The pass is worth nothing any more; else only its connection is closed, and a later use opens it again. */
  readonly ends: boolean
  /** Only where it is unused still. */
  readonly unused?: boolean
  /** One that others are just closing is left to them. */
  readonly leaves?: boolean
}

/** Closes the connection of a pass, with what is still open of it. Passes are locked before sessions. */
async function closeOne(trx: Trx, id: string, closing: Closing): Promise<boolean> {
  const { reason, ends, unused = false, leaves = false } = closing
  const { rows } = await sql<Connected & { was_open: boolean }>`
    with chosen as (
      select id, closed_at is null as was_open from door_pass where id = ${id} and ended_at is null
        and (${ends} or closed_at is null)
        and (not ${unused} or used_at < now() - ${unusedSeconds}::int * interval '1 second')
      for no key update ${leaves ? sql`skip locked` : sql``})
    update door_pass p set closed_at = coalesce(closed_at, now()),
      ended_at = case when ${ends} then now() end, end_reason = case when ${ends} then ${reason} end
    from chosen where p.id = chosen.id
    returning p.id, p.session_id, p.door, p.mode, p.account_id, chosen.was_open`.execute(trx)
  const [pass] = rows
  if (pass === undefined) return false
  await sql`update tunnel set closed_at = now(), close_reason = ${reason} where pass_id = ${id} and closed_at is null`.execute(
    trx,
  )
  if (!pass.was_open) return true
  const bytes = await bytesOf(trx, id)
  const data = { door: pass.door, mode: pass.mode, accountId: pass.account_id, reason, ...bytes }
  await recordEvent(trx, pass.session_id, 'connection.closed', data)
  await auditConnection(trx, pass, 'leaveDoor', data)
  return true
}

/** What passed through the tunnels of the connection since it was opened last. */
async function bytesOf(trx: Trx, id: string): Promise<{ readonly bytesIn: number; readonly bytesOut: number }> {
  const { rows } = await sql<{ bytesIn: number; bytesOut: number }>`
    select coalesce(sum(t.bytes_in), 0)::float8 as "bytesIn", coalesce(sum(t.bytes_out), 0)::float8 as "bytesOut"
    from tunnel t join door_pass p on p.id = t.pass_id
    where p.id = ${id} and t.opened_at >= p.opened_at`.execute(trx)
  return rows[0] ?? { bytesIn: 0, bytesOut: 0 }
}

/** Keeps others from closing what the account has open in the session, for whoever goes on to lock the session. */
export async function holdPasses(trx: Trx, sessionId: SessionId, accountId: AccountId): Promise<void> {
  await trx
    .selectFrom('door_pass')
    .select('id')
    .where('session_id', '=', sessionId)
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
}

/**
 * Ends the passes of a session, of an account, or of an account in a session, with their connections. For whoever takes the
 * right away: it comes back with a new opening alone.
 */
export async function endPasses(
  trx: Trx,
  whose: { readonly sessionId?: SessionId; readonly accountId?: AccountId },
  reason: CloseReason,
): Promise<void> {
  const { sessionId, accountId } = whose
  const passes = await trx
    .selectFrom('door_pass')
    .select('id')
    .where('ended_at', 'is', null)
    .$if(sessionId !== undefined, (q) => q.where('session_id', '=', sessionId as SessionId))
    .$if(accountId !== undefined, (q) => q.where('account_id', '=', accountId as AccountId))
    .orderBy('id')
    // All of them before the first line of a session's history, which locks the session.
    .forNoKeyUpdate()
    .execute()
  for (const { id } of passes) await closeOne(trx, id, { reason, ends: true })
}

const endings: Readonly<Partial<Record<VerdictKind, CloseReason>>> = {
  ended: 'ended',
  no_access: 'withdrawn',
  no_pass: 'expired',
}

/**
 * Brings the connections up to date with their passes: closes those that nobody uses, opens those that are used again, and
 * ends passes that are worth nothing any more, once what was open for them is, or had its time. Returns how many it changed.
 */
export async function settleConnections(db: Db): Promise<number> {
  let changed = 0
  for (const row of await connectionsToSettle(db)) {
    const verdict = verdictOf(factsOf(row))
    const reason = endings[verdict]
    if (reason === undefined) {
      if (row.reopened) changed += Number(await reopen(db, row))
      else if (row.unused)
        changed += Number(
          await close(db, row.id, { reason: resting(verdict), ends: false, unused: true, leaves: true }),
        )
    } else if (row.parted) changed += Number(await close(db, row.id, { reason, ends: true, leaves: true }))
  }
  return changed
}

/** Why nobody uses a pass that is good: the session is not there to be used, or nobody cares to. */
const resting = (verdict: VerdictKind): CloseReason => (verdict === 'not_ready' ? 'paused' : 'idle')

const close = async (db: Db, id: string, closing: Closing): Promise<boolean> =>
  await db.transaction().execute(async (trx) => await closeOne(trx, id, closing))

/** Connections that are open, and passes that were used after theirs was closed. */
const connectionsToSettle = async (executor: Executor) =>
  await passRows(executor)
    .select([
      sql<boolean>`(p.closed_at is not null)`.as('reopened'),
      sql<boolean>`(p.used_at < now() - ${unusedSeconds}::int * interval '1 second')`.as('unused'),
      sql<boolean>`(p.used_at < now() - ${partingSeconds}::int * interval '1 second' or not exists (
        select from tunnel t where t.pass_id = p.id and t.closed_at is null))`.as('parted'),
    ])
    .where('p.ended_at', 'is', null)
    .where(sql<boolean>`(p.closed_at is null or p.used_at > p.closed_at)`)
    .orderBy('p.used_at')
    .limit(passesAtOnce)
    .execute()

async function reopen(db: Db, pass: Connected): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    const opened = await trx
      .updateTable('door_pass')
      .set({ opened_at: sql<Date>`now()`, closed_at: null })
      .where('id', '=', pass.id)
      .where('ended_at', 'is', null)
      .where(sql<boolean>`used_at > closed_at`)
      .returning('id')
      .executeTakeFirst()
    if (opened !== undefined) await recordOpened(trx, pass)
    return opened !== undefined
  })
}
