import { sql } from 'kysely'
import type { Db } from './connect.ts'
import { settleConnections } from './connections.ts'
import { closeLostTunnels } from './tunnels.ts'
import { batchOf, briefly, daysAgo, rowsPerBatch } from './upkeep.ts'
import type { Batch } from './upkeep.ts'

/** What was open through gateways, where the last of them may be gone: gateways that are there do it themselves. */
export async function settleDoors(db: Db): Promise<Batch> {
  const lost = await closeLostTunnels(db)
  return { done: lost + (await settleConnections(db)), more: false }
}

const recordsDays = 30

/**
 * Forgets tickets an hour after their time, closed tunnels (who came from where) and passes after 30 days, and gateways that
 * nothing was heard of for a day. What was done with them stays in the audit.
 */
export async function forgetDoors(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const stale = [
      sql`delete from door_ticket where hash = any(array(
        select hash from door_ticket where expires_at < now() - interval '1 hour'
        order by expires_at limit ${rowsPerBatch} for update skip locked))`,
      sql`delete from tunnel where id = any(array(
        select id from tunnel where closed_at < ${daysAgo(recordsDays)}
        order by closed_at limit ${rowsPerBatch} for update skip locked))`,
      sql`delete from door_pass where id = any(array(
        select p.id from door_pass p where p.expires_at < ${daysAgo(recordsDays)}
          and p.closed_at is not null and not exists (select from tunnel t where t.pass_id = p.id)
        order by p.expires_at limit ${rowsPerBatch} for update skip locked))`,
      sql`delete from outside_use where ctid = any(array(
        select u.ctid from outside_use u join outside_doors d using (session_id, generation)
        where u.noted_at is null and (d.closed_at < ${daysAgo(recordsDays)} or u.withdrawn_at < ${daysAgo(recordsDays)})
        limit ${rowsPerBatch} for update of u skip locked))`,
      sql`delete from gateway where beat_at < ${daysAgo(1)}`,
    ]
    let all: Batch = { done: 0, more: false }
    for (const deletion of stale) {
      const { done, more } = batchOf(Number((await deletion.execute(trx)).numAffectedRows))
      all = { done: all.done + done, more: all.more || more }
    }
    return all
  })
}
