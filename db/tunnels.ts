import { sql } from 'kysely'
import { newId } from '../domain/ids.ts'
import type { AccountId, SessionId, TunnelId } from '../domain/ids.ts'
import type { DoorMode } from '../domain/template.ts'
import type { Executor, Trx } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { plainText } from './plain-text.ts'

/** What becomes a row: a WebSocket, a desktop, or a request that lasts. */
export const tunnelKinds = ['websocket', 'desktop', 'stream'] as const
export type TunnelKind = (typeof tunnelKinds)[number]

/** From the browser to the session, and back, since it was opened. */
export interface TunnelBytes {
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface TunnelUse extends TunnelBytes {
  readonly id: string
  /** When its user last did something, ms by the gateway's clock; `null`: not yet. */
  readonly lastInputAt: number | null
}

/** A gateway of which nothing was heard for so long is gone, and what was open through it with it. Seconds. */
export const gatewayLostSeconds = 60

/** Notes that something is open through a gateway. */
export async function openTunnel(
  executor: Executor,
  tunnel: {
    readonly passId: string
    readonly sessionId: SessionId
    readonly gatewayId: string
    readonly kind: TunnelKind
    readonly remoteAddress: string
  },
): Promise<TunnelId> {
  const id = newId('tunnel')
  await executor
    .insertInto('tunnel')
    .values({
      id,
      pass_id: tunnel.passId,
      session_id: tunnel.sessionId,
      gateway_id: tunnel.gatewayId,
      kind: tunnel.kind,
      remote_address: plainText(tunnel.remoteAddress, 64),
    })
    .execute()
  return id
}

/**
 * Writes down what tunnels did, and their sessions' last input, in one statement. Answers those that are to be cut: because
 * somebody wishes it, or because they count as closed. Input is never in the future, whatever a gateway's clock says.
 */
export async function touchTunnels(executor: Executor, tunnels: readonly TunnelUse[]): Promise<readonly string[]> {
  if (tunnels.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    with used as (select u.id, u."bytesIn", u."bytesOut",
        case when u."lastInputAt" is not null then least(to_timestamp(u."lastInputAt" / 1000.0), now()) end as input_at
      from jsonb_to_recordset(${JSON.stringify(tunnels)}::jsonb)
        as u(id text, "bytesIn" bigint, "bytesOut" bigint, "lastInputAt" float8)),
    locked as (select t.id from tunnel t join used on used.id = t.id order by t.id for no key update of t),
    touched as (
      update tunnel t set touched_at = now(), bytes_in = greatest(t.bytes_in, used."bytesIn"),
        bytes_out = greatest(t.bytes_out, used."bytesOut"), last_input_at = greatest(t.last_input_at, used.input_at)
      from used, locked where t.id = used.id and locked.id = t.id and t.closed_at is null
      returning t.id, t.session_id, t.cut_requested_at, used.input_at),
    active as (
      insert into session_activity as a (session_id, last_input_at)
      select session_id, max(input_at) from touched where input_at is not null group by session_id order by session_id
      on conflict (session_id) do update set last_input_at = greatest(a.last_input_at, excluded.last_input_at)
        where a.last_input_at is null or a.last_input_at < excluded.last_input_at
      returning session_id)
    select used.id from used left join touched on touched.id = used.id
    where touched.id is null or touched.cut_requested_at is not null`.execute(executor)
  return rows.map((row) => row.id)
}

/** Those of the tunnels that are to be cut, without writing anything. */
export async function tunnelsToCut(executor: Executor, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    select asked.id from unnest(${[...ids]}::text[]) as asked(id) left join tunnel t on t.id = asked.id
    where t.id is null or t.cut_requested_at is not null or t.closed_at is not null`.execute(executor)
  return rows.map((row) => row.id)
}

/** Notes that a tunnel has ended, and what passed through it. Repeats are harmless; bytes only grow. */
export async function closeTunnel(
  executor: Executor,
  id: string,
  reason: string,
  { bytesIn, bytesOut }: TunnelBytes,
): Promise<void> {
  await sql`
    update tunnel set closed_at = coalesce(closed_at, now()), close_reason = coalesce(close_reason, ${plainText(reason, 32)}),
      bytes_in = greatest(bytes_in, ${bytesIn}::bigint), bytes_out = greatest(bytes_out, ${bytesOut}::bigint)
    where id = ${id}`.execute(executor)
}

/** Closes what was open through gateways that are gone. Returns how many. */
export async function closeLostTunnels(executor: Executor): Promise<number> {
  const closed = await sql`
    update tunnel set closed_at = now(), close_reason = 'gateway_lost' where id = any(array(
      select t.id from tunnel t left join gateway g on g.id = t.gateway_id
      where t.closed_at is null
        and coalesce(g.beat_at, t.touched_at) < now() - ${gatewayLostSeconds}::int * interval '1 second'
      order by t.id limit 500 for no key update of t skip locked))`.execute(executor)
  return Number(closed.numAffectedRows)
}

/** An open tunnel as its session's owner sees it. */
export interface LiveTunnel extends TunnelBytes {
  readonly id: string
  readonly door: string
  readonly mode: DoorMode
  readonly kind: TunnelKind
  readonly accountId: AccountId
  readonly displayName: string
  readonly remoteAddress: string
  readonly openedAt: Date
  readonly lastInputAt: Date | null
  /** Somebody asked for its end. */
  readonly isEnding: boolean
}

/** What is open into the session now, the newest first. */
export async function listLiveTunnels(
  executor: Executor,
  sessionId: SessionId,
  { after, limit }: PageAsk,
): Promise<Page<LiveTunnel>> {
  const rows = await executor
    .selectFrom('tunnel as t')
    .innerJoin('door_pass as p', 'p.id', 't.pass_id')
    .innerJoin('account as a', 'a.id', 'p.account_id')
    .select(['t.id', 'p.door', 'p.mode', 't.kind', 'p.account_id', 'a.display_name', 't.remote_address'])
    .select(['t.opened_at', 't.last_input_at', 't.bytes_in', 't.bytes_out', 't.cut_requested_at'])
    .where('t.session_id', '=', sessionId)
    .where('t.closed_at', 'is', null)
    .$if(after !== null, (q) => q.where('t.id', '<', after as string))
    .orderBy('t.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, (row) => ({
    id: row.id,
    door: row.door,
    mode: row.mode,
    kind: row.kind,
    accountId: row.account_id,
    displayName: row.display_name,
    remoteAddress: row.remote_address,
    openedAt: row.opened_at,
    lastInputAt: row.last_input_at,
    bytesIn: Number(row.bytes_in),
    bytesOut: Number(row.bytes_out),
    isEnding: row.cut_requested_at !== null,
  }))
}

/** What a cut is about, for its event. */
export interface CutTunnel {
  readonly door: string
  readonly mode: DoorMode
  readonly accountId: AccountId
  /** Nobody had asked for it before. */
  readonly isNew: boolean
}

/** Wishes that a tunnel ends; its gateway hears of it. `null`: the session has no such tunnel open. */
export async function requestCut(trx: Trx, sessionId: SessionId, id: string): Promise<CutTunnel | null> {
  const row = await trx
    .selectFrom('tunnel as t')
    .innerJoin('door_pass as p', 'p.id', 't.pass_id')
    .select(['p.door', 'p.mode', 'p.account_id', 't.cut_requested_at'])
    .where('t.id', '=', id)
    .where('t.session_id', '=', sessionId)
    .where('t.closed_at', 'is', null)
    .forNoKeyUpdate('t')
    .executeTakeFirst()
  if (row === undefined) return null
  const isNew = row.cut_requested_at === null
  if (isNew)
    await trx
      .updateTable('tunnel')
      .set({ cut_requested_at: sql<Date>`now()` })
      .where('id', '=', id)
      .execute()
  return { door: row.door, mode: row.mode, accountId: row.account_id, isNew }
}
