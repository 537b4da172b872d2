import { sql } from 'kysely'
import type { InvitationId } from '../domain/ids.ts'
import type { Db, Executor } from './connect.ts'
import { rowsPerBatch, batchOf, briefly, daysAgo } from './upkeep.ts'
import type { Batch } from './upkeep.ts'

/** Invitations that have ended are kept so long: for those who ask what became of them. */
const keptDays = 30

/**
 * Takes invitations whose workflow has to be told something, or has not done in a minute what was due; each for one taker. A lost
 * try is repeated after 10 s, doubling to a minute. One that is looked after costs nothing until then.
 */
export async function claimInvitations(db: Db, limit: number): Promise<InvitationId[]> {
  const { rows } = await sql<{ id: InvitationId }>`
    with due as materialized (
      select id from invitation
      where (ended_at is null or seen_version < wake_version) and next_try_at <= now()
      order by next_try_at limit ${limit} for no key update skip locked)
    update invitation i set tries = tries + 1,
      next_try_at = now() + least(60, 10 * 2 ^ least(tries, 10)) * interval '1 second'
    from due where i.id = due.id returning i.id`.execute(db)
  return rows.map((row) => row.id)
}

/** Notes that nobody has to be told of what has ended. */
export async function settleInvitation(db: Db, id: InvitationId): Promise<void> {
  await db
    .updateTable('invitation')
    .set({ seen_version: sql<number>`wake_version` })
    .where('id', '=', id)
    .where('ended_at', 'is not', null)
    .execute()
}

/** Deletes invitations that ended long ago, with the addresses in them. */
export async function forgetInvitations(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const gone = await sql`
      delete from invitation where id = any(array(
        select id from invitation where ended_at < ${daysAgo(keptDays)}
        order by ended_at limit ${rowsPerBatch} for update skip locked))`.execute(trx)
    return batchOf(Number(gone.numAffectedRows))
  })
}

export interface WaitingMails {
  /** Mails that are to go out and were tried in vain. */
  readonly delayed: number
  /** For how many seconds the oldest of those that are to go out has waited. */
  readonly oldestSeconds: number
}

/** How the mails of invitations stand. */
export async function waitingMails(db: Executor): Promise<WaitingMails> {
  const { rows } = await sql<WaitingMails>`
    select count(*) filter (where problem is not null)::int as delayed,
      coalesce(greatest(0, extract(epoch from now() - min(wanted_at))), 0)::float8 as "oldestSeconds"
    from invitation_mail where ended_at is null`.execute(db)
  return rows[0] ?? { delayed: 0, oldestSeconds: 0 }
}
