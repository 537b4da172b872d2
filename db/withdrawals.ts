import { sql } from 'kysely'
import type { AccessRule } from '../domain/experiment.ts'
import { accessWindow } from '../domain/experiment.ts'
import type { ExperimentId, ProjectId, SessionId } from '../domain/ids.ts'
import type { Db, Trx } from './connect.ts'
import { requestStop, wake } from './intents.ts'
import { batchOf, briefly, sessionsPerBatch } from './upkeep.ts'
import type { Batch } from './upkeep.ts'

/** Of a session `s` that has its project's or an experiment's data mounted. */
const hasData = sql`(s.experiment_id is not null
  or s.mounts @? '$[*].source.kind ? (@ == "experiment" || @ == "dataset")')`

/** Its owner may work with that no more. */
const isWithdrawn = sql`(not exists (select from project_member o
    where o.project_id = s.project_id and o.account_id = s.owner_id and o.role <> 'viewer')
  or (s.experiment_id is not null and not exists (select from experiment_access x
    where x.experiment_id = s.experiment_id and x.account_id = s.owner_id and x.role <> 'viewer')))`

/**
 * Asks sessions to stop that have data which their owner may not work with any more. Their doors are shut already. Of one project,
 * or of all; those that somebody else is writing are left to the next batch.
 */
export async function stopWithdrawn(trx: Trx, projectId: ProjectId | null = null): Promise<number> {
  const found = await sql<{ id: SessionId }>`
    select s.id from session s
    where s.ended_at is null and s.stop_requested_at is null and ${hasData} and ${isWithdrawn}
      ${projectId === null ? sql`` : sql`and s.project_id = ${projectId}`}
    order by s.id limit ${sessionsPerBatch} for no key update of s skip locked`.execute(trx)
  for (const { id } of found.rows) await requestStop(trx, id, 'access_withdrawn')
  return found.rows.length
}

/** The same as a batch of the upkeep: whatever it was that took the right. */
export const stopWithdrawnSessions = async (db: Db): Promise<Batch> =>
  await briefly(db, async (trx) => batchOf(await stopWithdrawn(trx), sessionsPerBatch))

/** Asks one session to stop that was found to have no right to its data. */
export async function withdrawSession(db: Db, id: SessionId): Promise<void> {
  await db.transaction().execute(async (trx) => await requestStop(trx, id, 'access_withdrawn'))
}

/** No session of the experiment goes on after its access window, which may have become shorter. */
export async function boundSessions(
  trx: Trx,
  experiment: { readonly id: ExperimentId; readonly starts: string | null; readonly ends: string | null },
  rule: AccessRule,
): Promise<void> {
  const { closesAt } = accessWindow(experiment, rule)
  if (closesAt === null) return
  const ends = new Date(closesAt)
  await trx
    .updateTable('session')
    .set({ expires_at: ends, version: sql<number>`version + 1`, ...wake })
    .where('experiment_id', '=', experiment.id)
    .where('ended_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', ends)]))
    .execute()
}
