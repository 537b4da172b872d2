import { sql } from 'kysely'
import type { ProjectRole } from '../domain/authorization.ts'
import type { AccessRule, DayOrMoment, ExperimentDataset } from '../domain/experiment.ts'
import type { AccountId, ExperimentId, ProjectId } from '../domain/ids.ts'
import type { Executor, Trx } from './connect.ts'
import { boundSessions } from './withdrawals.ts'

/** An experiment as it is kept. `datasets` and `posix` are the site's word: no path and no number comes from a caller who is no admin. */
export interface Experiment {
  readonly id: ExperimentId
  readonly projectId: ProjectId
  readonly name: string
  readonly description: string
  readonly instrument: string | null
  /** The catalogue that it comes from; `null`: people made it here. */
  readonly source: string | null
  readonly externalId: string | null
  readonly starts: DayOrMoment | null
  readonly ends: DayOrMoment | null
  readonly posix: { readonly uid: number; readonly gid: number } | null
  readonly datasets: readonly ExperimentDataset[]
  readonly version: number
  readonly createdAt: Date
  readonly withdrawnAt: Date | null
}

export type NewExperiment = Omit<Experiment, 'version' | 'createdAt' | 'withdrawnAt' | 'source'>

/** What an `ExperimentRow` is made of, of an experiment `e`. */
export const experimentColumns = [
  'e.id',
  'e.project_id',
  'e.name',
  'e.description',
  'e.instrument',
  'e.source',
  'e.external_id',
  'e.starts',
  'e.ends',
  'e.uid',
  'e.gid',
  'e.datasets',
  'e.version',
  'e.created_at',
  'e.withdrawn_at',
] as const
const experiments = (executor: Executor) => executor.selectFrom('experiment as e').select(experimentColumns)
export type ExperimentRow = Awaited<ReturnType<ReturnType<typeof experiments>['executeTakeFirstOrThrow']>>

export const experimentOf = (row: ExperimentRow): Experiment => ({
  id: row.id,
  projectId: row.project_id,
  name: row.name,
  description: row.description,
  instrument: row.instrument,
  source: row.source,
  externalId: row.external_id,
  starts: row.starts,
  ends: row.ends,
  posix: row.uid === null || row.gid === null ? null : { uid: row.uid, gid: row.gid },
  datasets: row.datasets,
  version: row.version,
  createdAt: row.created_at,
  withdrawnAt: row.withdrawn_at,
})

export async function getExperiment(executor: Executor, id: ExperimentId): Promise<Experiment | null> {
  const row = await experiments(executor).where('e.id', '=', id).executeTakeFirst()
  return row === undefined ? null : experimentOf(row)
}

/** What the account is to an experiment's project, as far as its data is for it. */
export async function roleInExperimentOf(
  executor: Executor,
  id: ExperimentId,
  accountId: AccountId,
): Promise<{ readonly exists: boolean; readonly role: ProjectRole | null }> {
  const row = await executor
    .selectFrom('experiment as e')
    .leftJoin('experiment_access as x', (join) =>
      join.onRef('x.experiment_id', '=', 'e.id').on('x.account_id', '=', accountId),
    )
    .select('x.role')
    .where('e.id', '=', id)
    .executeTakeFirst()
  return row === undefined ? { exists: false, role: null } : { exists: true, role: row.role }
}

/** Makes an experiment of the project, for all its members. */
export async function insertExperiment(trx: Trx, experiment: NewExperiment): Promise<void> {
  await trx
    .insertInto('experiment')
    .values({ id: experiment.id, project_id: experiment.projectId, name: experiment.name, ...columnsOf(experiment) })
    .execute()
}

export type ExperimentChange = Partial<Omit<NewExperiment, 'id' | 'projectId'>>

const columnsOf = (change: ExperimentChange) => ({
  ...(change.description === undefined ? {} : { description: change.description }),
  ...(change.instrument === undefined ? {} : { instrument: change.instrument }),
  ...(change.externalId === undefined ? {} : { external_id: change.externalId }),
  ...(change.starts === undefined ? {} : { starts: change.starts }),
  ...(change.ends === undefined ? {} : { ends: change.ends }),
  ...(change.posix === undefined ? {} : { uid: change.posix?.uid ?? null, gid: change.posix?.gid ?? null }),
  ...(change.datasets === undefined ? {} : { datasets: JSON.stringify(change.datasets) }),
})

/** `sourced`: its catalogue, which is still looked at, says what it is. */
export type ExperimentOutcome = 'done' | 'absent' | 'changed' | 'sourced'

/**
 * Changes what is named; its sessions end with its access window. `versions`: `null` whatever the experiment's is. `catalogues`: those
 * that are kept in step; what another one said is changed here.
 */
export async function updateExperiment(
  trx: Trx,
  id: ExperimentId,
  change: ExperimentChange & { readonly withdrawn?: boolean },
  {
    versions,
    rule,
    catalogues = [],
  }: {
    readonly versions: readonly number[] | null
    readonly rule: AccessRule
    readonly catalogues?: readonly string[]
  },
): Promise<ExperimentOutcome> {
  const row = await experiments(trx).where('e.id', '=', id).forNoKeyUpdate().executeTakeFirst()
  if (row === undefined) return 'absent'
  if (versions !== null && !versions.includes(row.version)) return 'changed'
  if (row.source !== null && catalogues.includes(row.source)) return 'sourced'
  // By that it is found again, should its catalogue come back.
  if (row.source !== null && change.externalId !== undefined && change.externalId !== row.external_id) return 'sourced'
  const { withdrawn } = change
  const changed = await trx
    .updateTable('experiment')
    .set({
      ...columnsOf(change),
      ...(change.name === undefined ? {} : { name: change.name }),
      version: sql<number>`version + 1`,
    })
    .$if(withdrawn !== undefined, (q) => q.set({ withdrawn_at: withdrawn === true ? sql<Date>`now()` : null }))
    .where('id', '=', id)
    .returning(['id', 'starts', 'ends'])
    .executeTakeFirstOrThrow()
  await boundSessions(trx, changed, rule)
  return 'done'
}
