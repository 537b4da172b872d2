import { sql } from 'kysely'
import type { ProjectRole } from '../domain/authorization.ts'
import { accessWindow, mayStartIn } from '../domain/experiment.ts'
import type {
  AccessRule,
  AccessWindow,
  DayOrMoment,
  ExperimentDataset,
  ExperimentVerdict,
} from '../domain/experiment.ts'
import type { AccountId, ExperimentId, ProjectId, SessionId } from '../domain/ids.ts'
import type { Executor, Trx } from './connect.ts'

/** An experiment as it matters to whoever would start a session in it. */
export interface ExperimentGrounds {
  readonly id: ExperimentId
  readonly projectId: ProjectId
  readonly isProjectClosed: boolean
  readonly starts: DayOrMoment | null
  readonly ends: DayOrMoment | null
  readonly posix: { readonly uid: number; readonly gid: number } | null
  readonly datasets: readonly ExperimentDataset[]
  /** What the account is in its project now; `null`: its data is not for it. */
  readonly role: ProjectRole | null
  /** Sessions of the account in it that have not ended. */
  readonly held: number
  readonly now: number
}

/** For whom an experiment is asked about. `except`: a session that does not count. */
export interface GrantAsk {
  readonly experimentId: ExperimentId
  readonly accountId: AccountId
  readonly except?: SessionId
}

/** What the account would stand on in the experiment, of one moment; `null`: there is no such experiment. */
export async function readExperimentGrounds(
  executor: Executor,
  { experimentId, accountId, except }: GrantAsk,
): Promise<ExperimentGrounds | null> {
  const row = await executor
    .selectFrom('experiment as e')
    .innerJoin('project as p', 'p.id', 'e.project_id')
    .leftJoin('experiment_access as x', (join) =>
      join.onRef('x.experiment_id', '=', 'e.id').on('x.account_id', '=', accountId),
    )
    .select(['e.id', 'e.project_id', 'e.starts', 'e.ends', 'e.uid', 'e.gid', 'e.datasets', 'p.closed_at', 'x.role'])
    .select(
      sql<number>`(select count(*)::int from session s where s.experiment_id = e.id and s.owner_id = ${accountId}
        and s.ended_at is null and s.id is distinct from ${except ?? null})`.as('held'),
    )
    .select(sql<Date>`clock_timestamp()`.as('now'))
    .where('e.id', '=', experimentId)
    .executeTakeFirst()
  if (row === undefined) return null
  return {
    id: row.id,
    projectId: row.project_id,
    isProjectClosed: row.closed_at !== null,
    starts: row.starts,
    ends: row.ends,
    posix: row.uid === null || row.gid === null ? null : { uid: row.uid, gid: row.gid },
    datasets: row.datasets,
    role: row.role,
    held: row.held,
    now: row.now.getTime(),
  }
}

/** What came of asking: whether the account may, and when it may not any more. */
export interface Grant {
  readonly verdict: ExperimentVerdict
  readonly window: AccessWindow
}

/** Decides on what was read. `most`: sessions of one account in one experiment, as the template allows. */
export function grantOn(
  grounds: ExperimentGrounds,
  { most, rule }: { readonly most: number; readonly rule: AccessRule },
): Grant {
  const window = accessWindow(grounds, rule)
  const { role, held, now } = grounds
  return { verdict: mayStartIn({ role, window, held, most, now }), window }
}

/**
 * Whether the account may have a session in the experiment, so that it stays so until the transaction ends: whoever asks for the
 * same experiment waits. Call with account and project held: memberships must not change meanwhile. Experiments are locked
 * after projects and before sessions.
 */
export async function grantExperiment(
  trx: Trx,
  ask: GrantAsk & { readonly most: number; readonly rule: AccessRule },
): Promise<Grant> {
  await trx.selectFrom('experiment').select('id').where('id', '=', ask.experimentId).forNoKeyUpdate().execute()
  // Read after the lock, in a statement of its own: of what others did who held it before.
  const grounds = await readExperimentGrounds(trx, ask)
  return grounds === null ? { verdict: 'hidden', window: { opensAt: null, closesAt: null } } : grantOn(grounds, ask)
}
