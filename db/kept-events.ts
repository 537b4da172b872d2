import { sql } from 'kysely'
import type { SessionId } from '../domain/ids.ts'
import type { Executor, Trx } from './connect.ts'
import type { FeedCursor } from './events.ts'

/** Whether every event of the session after this one is still there. */
export async function historyIsWholeAfter(executor: Executor, sessionId: SessionId, seq: number): Promise<boolean> {
  const first = await executor
    .selectFrom('session_event')
    .select('seq')
    .where('session_id', '=', sessionId)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
  return first === undefined || seq + 1 >= first.seq
}

/** Whether every event of the feed after this place is still there. */
export async function feedIsWholeAfter(executor: Executor, { epoch, xid, id }: FeedCursor): Promise<boolean> {
  const { rows } = await sql<{ whole: boolean }>`
    select (pruned_epoch, pruned_xid, pruned_id) <= (${epoch}::int, ${xid}::text::xid8, ${id}::bigint) as whole
    from installation`.execute(executor)
  return rows[0]?.whole ?? true
}

/** Where the feed begins: after the last event that was deleted, so that from there on it is whole. `null`: none was. */
export async function feedBegin(executor: Executor): Promise<FeedCursor | null> {
  const { rows } = await sql<FeedCursor>`
    select pruned_epoch::text as epoch, pruned_xid::text as xid, pruned_id::text as id
    from installation where pruned_id > 0`.execute(executor)
  return rows[0] ?? null
}

/** Remembers how far the feed is not whole any more, now that these events are deleted. */
export async function noteDeleted(trx: Trx, deleted: readonly FeedCursor[]): Promise<void> {
  if (deleted.length === 0) return
  const places = sql`unnest(${deleted.map((e) => e.epoch)}::int[], ${deleted.map((e) => e.xid)}::xid8[],
    ${deleted.map((e) => e.id)}::bigint[]) as deleted(epoch, xid, id)`
  await sql`
    with last as (select epoch, xid, id from ${places} order by epoch desc, xid desc, id desc limit 1)
    update installation set pruned_epoch = last.epoch, pruned_xid = last.xid, pruned_id = last.id from last
    where (pruned_epoch, pruned_xid, pruned_id) < (last.epoch, last.xid, last.id)`.execute(trx)
}
