import { sql } from 'kysely'
import { newId } from '../domain/ids.ts'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { SessionKey } from '../domain/session.ts'
import type { DoorMode } from '../domain/template.ts'
import { beat } from './beats.ts'
import type { Db, Executor } from './connect.ts'
import { noteGateway } from './gateways.ts'
import type { OutsideUse } from './outside-accounts.ts'
import { recheckPasses } from './passes.ts'
import { plainText } from './plain-text.ts'
import { touchTunnels } from './tunnels.ts'

/** By which rows the gateway outside is known among those of Carrel's own, and the role of whoever watches it. */
export const outsideGatewayId = 'outside'
export const outsideRole = 'outside'

/** A tunnel as the gateway lists it. */
export interface OutsideTunnel extends SessionKey {
  readonly id: string
  readonly door: string
  readonly mode: DoorMode
  readonly accountId: AccountId | null
  readonly remoteHost: string | null
}

/**
 * Brings the tunnels in the books up to what a whole list says that was begun at `listedAt`. Whether somebody only looks or
 * does something cannot be told there: an open desktop counts as used.
 */
export async function syncTunnels(db: Db, listed: readonly OutsideTunnel[], listedAt: number): Promise<void> {
  const known = listed.filter(({ accountId }) => accountId !== null)
  await sql`
    update tunnel set closed_at = now(), close_reason = 'left'
    where gateway_id = ${outsideGatewayId} and closed_at is null and opened_at < ${new Date(listedAt)}
      and outside_id <> all(${known.map(({ id }) => id)}::text[])`.execute(db)
  const rows = known.map((tunnel) => ({
    ...tunnel,
    rowId: newId('tunnel'),
    remoteHost: plainText(tunnel.remoteHost ?? '', 64),
  }))
  // Where a pass was replaced by another one, the later one stands for what is open.
  await sql`
    insert into tunnel (id, pass_id, session_id, gateway_id, kind, remote_address, outside_id)
    select l."rowId", p.id, l."sessionId", ${outsideGatewayId}, 'desktop', l."remoteHost", l.id
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as l(id text, "rowId" text, "sessionId" text, generation int,
        door text, mode text, "accountId" text, "remoteHost" text)
      join session s on s.id = l."sessionId" and s.generation = l.generation and s.ended_at is null
      join lateral (select id from door_pass p where p.session_id = s.id and p.door = l.door and p.mode = l.mode
        and p.account_id = l."accountId" and p.ended_at is null order by p.made_at desc limit 1) p on true
    on conflict (outside_id) where outside_id is not null and closed_at is null do nothing`.execute(db)
  const open = await db
    .selectFrom('tunnel')
    .select(['id', 'pass_id'])
    .where('gateway_id', '=', outsideGatewayId)
    .where('closed_at', 'is', null)
    .execute()
  await touchTunnels(
    db,
    open.map(({ id }) => ({ id, bytesIn: 0, bytesOut: 0, lastInputAt: Date.now() })),
  )
  await recheckPasses(
    db,
    open.map((row) => row.pass_id),
  )
}

/** The tunnels outside that somebody wants cut. */
export async function outsideCuts(
  executor: Executor,
): Promise<readonly { readonly id: string; readonly outsideId: string }[]> {
  const rows = await executor
    .selectFrom('tunnel')
    .select(['id', 'outside_id'])
    .where('gateway_id', '=', outsideGatewayId)
    .where('cut_requested_at', 'is not', null)
    .where('closed_at', 'is', null)
    .execute()
  return rows.flatMap(({ id, outside_id: outsideId }) => (outsideId === null ? [] : [{ id, outsideId }]))
}

/** The gateway confirmed that nothing is open any more for this use, or for any of these doors. */
export async function closeOutsideTunnels(
  executor: Executor,
  of: { readonly sessionId: SessionId } | OutsideUse,
  reason: string,
): Promise<void> {
  const chosen =
    'door' in of
      ? sql`and exists (select from door_pass p where p.id = tunnel.pass_id and p.door = ${of.door}
          and p.mode = ${of.mode} and p.account_id = ${of.accountId})`
      : sql``
  await sql`
    update tunnel set closed_at = now(), close_reason = ${reason}
    where session_id = ${of.sessionId} and gateway_id = ${outsideGatewayId} and closed_at is null ${chosen}`.execute(
    executor,
  )
}

/** Says that the gateway outside was seen to its end just now. */
export async function beatOutside(db: Db): Promise<void> {
  await noteGateway(db, outsideGatewayId)
  await beat(db, outsideRole)
}
