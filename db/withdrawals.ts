import { sql } from 'kysely'
import { accessWindow } from '../domain/experiment.ts'
import type { AccessRule, DayOrMoment, WithdrawalPolicy } from '../domain/experiment.ts'
import type { ExperimentId, ProjectId, SessionId } from '../domain/ids.ts'
import type { Db, Trx } from './connect.ts'
import { isWithdrawn } from './data-rights.ts'
import { recordEvent } from './events.ts'
import { requestStop, wake } from './intents.ts'
import { batchOf, briefly, sessionsPerBatch } from './upkeep.ts'
import type { Batch } from './upkeep.ts'

/**
 * Asks sessions to stop that have data which their owner may not work with any more, where the site wants that; their doors are shut
 * either way. Those of one project and in its experiments, or all; those that somebody else is writing are left to the next batch.
 * Returns how many it asked.
 */
export async function stopWithdrawn(
  trx: Trx,
  policy: WithdrawalPolicy = 'stop',
  projectId: ProjectId | null = null,
): Promise<number> {
  if (policy === 'keepDoorsShut') return 0
  const among = sql`and (s.project_id = ${projectId}
    or s.experiment_id = any(array(select e.id from experiment e where e.project_id = ${projectId})))`
  const found = await sql<{ id: SessionId }>`
    select s.id from session s
    where s.ended_at is null and s.stop_requested_at is null and ${isWithdrawn} ${projectId === null ? sql`` : among}
    order by s.id limit ${sessionsPerBatch} for no key update of s skip locked`.execute(trx)
  for (const { id } of found.rows) await requestStop(trx, id, 'access_withdrawn')
  return found.rows.length
}

/** The same as a batch of the upkeep: whatever it was that took the right. */
export const stopWithdrawnSessions = async (db: Db, policy: WithdrawalPolicy = 'stop'): Promise<Batch> =>
  await briefly(db, async (trx) => batchOf(await stopWithdrawn(trx, policy), sessionsPerBatch))

/** Asks one session to stop that was found to have no right to its data. */
export async function withdrawSession(db: Db, id: SessionId): Promise<void> {
  await db.transaction().execute(async (trx) => await requestStop(trx, id, 'access_withdrawn'))
}

/**
 * No session of the experiment goes on outside its access window, which may have become shorter, or begin later than now. Whoever changes
 * several experiments holds the sessions of all of them before.
 */
export async function boundSessions(
  trx: Trx,
  experiment: { readonly id: ExperimentId; readonly starts: DayOrMoment | null; readonly ends: DayOrMoment | null },
  rule: AccessRule,
): Promise<void> {
  const { opensAt, closesAt } = accessWindow(experiment, rule)
  const [opens, closes] = [opensAt, closesAt].map((at) => (at === null ? null : new Date(at)))
  const { rows } = await sql<{ id: SessionId; ends: Date }>`
    select s.id, b.ends from session s,
      (select case when ${opens}::timestamptz > now() then now() else ${closes}::timestamptz end as ends) b
    where s.experiment_id = ${experiment.id} and s.ended_at is null and (s.expires_at is null or s.expires_at > b.ends)
      and b.ends is not null
    order by s.id for no key update of s`.execute(trx)
  for (const { id, ends } of rows) {
    await trx
      .updateTable('session')
      .set({ expires_at: ends, version: sql<number>`version + 1`, ...wake })
      .where('id', '=', id)
      .execute()
    await recordEvent(trx, id, 'session.shortened', { expiresAt: ends.toISOString() })
  }
}
