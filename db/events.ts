import { sql } from 'kysely'
import type { EventType } from '../domain/events.ts'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { Executor, Trx } from './connect.ts'

export interface SessionEvent {
  readonly sessionId: SessionId
  readonly seq: number
  readonly at: Date
  readonly type: string
  readonly data: Record<string, unknown>
}

/** A place in the feed across sessions. Epochs, transactions and rows are numbers too large for JSON: text. */
export interface FeedCursor {
  readonly epoch: string
  readonly xid: string
  readonly id: string
}

/**
 * What every new line changes in its session's row: its number, and its place in the feed. A transaction has its number
 * before it has the row, so of two lines of one session the later may be of the older transaction: a line never takes a
 * place before the one that precedes it. That is a higher number than its own, so it shows no earlier than it would.
 */
export const nextLine = sql`event_seq = event_seq + 1, event_epoch = (select epoch from installation),
  event_xid = case when event_epoch = (select epoch from installation) then greatest(event_xid, pg_current_xact_id())
    else pg_current_xact_id() end`

/** The same for a row that is only now made, with the line that says so. */
export const firstLine = {
  event_seq: 1,
  event_epoch: sql<number>`(select epoch from installation)`,
  event_xid: sql<string>`pg_current_xact_id()`,
}

/** What the first line of every session says. */
export const firstState = { type: 'session.state', data: { state: 'requested' } } as const

/** Adds a line to the session's history. The session's row lock, taken here, orders the lines. */
export async function recordEvent(
  trx: Trx,
  sessionId: SessionId,
  type: EventType,
  data: Record<string, unknown>,
): Promise<void> {
  await sql`
    with numbered as (update session set ${nextLine} where id = ${sessionId} returning event_seq, event_epoch, event_xid)
    insert into session_event (session_id, seq, epoch, xid, type, data)
    select ${sessionId}, event_seq, event_epoch, event_xid, ${type}, ${JSON.stringify(data)}::jsonb from numbered
  `.execute(trx)
}

/** One session's history after `afterSeq`, in order. */
export async function readSessionEvents(
  db: Executor,
  sessionId: SessionId,
  afterSeq: number,
  limit: number,
): Promise<SessionEvent[]> {
  const rows = await db
    .selectFrom('session_event')
    .select(['session_id', 'seq', 'at', 'type', 'data'])
    .where('session_id', '=', sessionId)
    .where('seq', '>', afterSeq)
    .orderBy('seq')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ sessionId: row.session_id, seq: row.seq, at: row.at, type: row.type, data: row.data }))
}

/**
 * The history of every session that the viewer may read (`null`: an operator, who reads all), in the order of
 * transactions, and within one session in its own. Lines of a transaction that might still be overtaken by an older one are not shown yet, so that a
 * reader who goes on from a cursor misses and repeats nothing.
 */
export async function readFeed(
  db: Executor,
  { viewer }: { readonly viewer: AccountId | null },
  cursor: FeedCursor | null,
  limit: number,
): Promise<(SessionEvent & { readonly cursor: FeedCursor })[]> {
  const settled = sql<boolean>`(e.epoch < (select epoch from installation)
    or e.xid < pg_snapshot_xmin(pg_current_snapshot()))`
  const rows = await db
    .selectFrom('session_event as e')
    .innerJoin('session as s', 's.id', 'e.session_id')
    .select(['e.session_id', 'e.seq', 'e.at', 'e.type', 'e.data', 'e.epoch', 'e.id'])
    .select(sql<string>`e.xid::text`.as('xid'))
    .where(settled)
    .$if(cursor !== null, (q) =>
      q.where(
        sql<boolean>`(e.epoch, e.xid, e.id) > (${cursor?.epoch}::int, ${cursor?.xid}::text::xid8, ${cursor?.id}::bigint)`,
      ),
    )
    .$if(viewer !== null, (q) =>
      q.where((eb) =>
        eb.or([
          eb('s.owner_id', '=', viewer),
          eb.exists(
            eb
              .selectFrom('project_member as m')
              .select('m.account_id')
              .whereRef('m.project_id', '=', 's.project_id')
              .where('m.account_id', '=', viewer),
          ),
          sql<boolean>`s.id in (select session_id from standing_collaborator where account_id = ${viewer})`,
        ]),
      ),
    )
    .orderBy('e.epoch')
    .orderBy('e.xid')
    .orderBy('e.id')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    sessionId: row.session_id,
    seq: row.seq,
    at: row.at,
    type: row.type,
    data: row.data,
    cursor: { epoch: String(row.epoch), xid: row.xid, id: row.id },
  }))
}

/** Where the feed ends now, be it with an event that is no longer kept: a reader who wants only what comes next starts here. */
export async function feedEnd(db: Executor): Promise<FeedCursor> {
  const { rows } = await sql<FeedCursor>`
    select epoch::text, xid::text, id::text from (
      (select e.epoch, e.xid, e.id from session_event e
      where e.epoch < (select epoch from installation) or e.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by e.epoch desc, e.xid desc, e.id desc limit 1)
      union all select pruned_epoch, pruned_xid, pruned_id from installation) as place(epoch, xid, id)
    order by place.epoch desc, place.xid desc, place.id desc limit 1
  `.execute(db)
  return rows[0] ?? { epoch: '0', xid: '0', id: '0' }
}
