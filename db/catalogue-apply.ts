import { sql } from 'kysely'
import type { CatalogueExperiment, CatalogueProject, SyncAction } from '../domain/catalogue.ts'
import type { AccessRule } from '../domain/experiment.ts'
import { newId } from '../domain/ids.ts'
import type { AccountId, ExperimentId, ProjectId } from '../domain/ids.ts'
import { recordAudit } from './audit.ts'
import type { Trx } from './connect.ts'
import { holdUsable } from './leaving.ts'
import { touchProject } from './projects.ts'
import { openBooks } from './quotas.ts'
import { boundSessions } from './withdrawals.ts'

/** What the actions of a source are about, by its own names. */
export interface ApplyContext {
  readonly source: string
  readonly projects: ReadonlyMap<string, CatalogueProject>
  readonly experiments: ReadonlyMap<string, CatalogueExperiment>
  readonly rule: AccessRule
}

/** Does the actions, in their order, each with its line in the audit. Returns how many changed anything, and the projects they were about. */
export async function applyActions(
  trx: Trx,
  context: ApplyContext,
  actions: readonly SyncAction[],
): Promise<{ readonly done: number; readonly projectIds: readonly ProjectId[] }> {
  const usable = await holdUsable(trx, gaining(actions))
  const projects = await holdProjects(trx, context.source, actions)
  await holdExperiments(trx, context.source, actions)
  let done = 0
  for (const action of actions) {
    const changed = await apply(trx, context, projects, usable, action)
    if (!changed) continue
    done += 1
    const id = projects.get(action.project)
    await recordAudit(trx, {
      ...nobody,
      subject: { kind: 'project', id: id ?? null },
      detail: { source: context.source, ...action },
    })
  }
  const projectIds = [...new Set(actions.flatMap(({ project }) => projects.get(project) ?? []))].sort()
  for (const id of projectIds) await touchProject(trx, id)
  return { done, projectIds }
}

const nobody = {
  accountId: null,
  client: 'catalogue',
  onBehalfOf: null,
  requestId: null,
  action: 'catalogueSync',
  outcome: 'accepted',
} as const

/** Those whom something is added for. */
const gaining = (actions: readonly SyncAction[]): AccountId[] =>
  actions.flatMap((a) => (a.do === 'addMember' || a.do === 'admit' ? [a.accountId as AccountId] : []))

async function holdProjects(trx: Trx, source: string, actions: readonly SyncAction[]): Promise<Map<string, ProjectId>> {
  const rows = await trx
    .selectFrom('project')
    .select(['id', 'external_id'])
    .where('source', '=', source)
    .where('external_id', 'in', [...new Set(actions.map(({ project }) => project))])
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  return new Map(rows.map((row) => [row.external_id ?? '', row.id]))
}

/** What is to be changed, with its live sessions: each in one order, before anything that they are bounded by. */
async function holdExperiments(trx: Trx, source: string, actions: readonly SyncAction[]): Promise<void> {
  const named = actions.flatMap((a) =>
    a.do === 'changeExperiment' || a.do === 'withdrawExperiment' ? [a.experiment] : [],
  )
  if (named.length === 0) return
  const experiments = await trx
    .selectFrom('experiment')
    .select('id')
    .where('source', '=', source)
    .where('external_id', 'in', [...new Set(named)])
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  await sql`select from session where experiment_id = any(${experiments.map(({ id }) => id)}) and ended_at is null
    order by id for no key update`.execute(trx)
}

async function apply(
  trx: Trx,
  { source, ...context }: ApplyContext,
  projects: Map<string, ProjectId>,
  usable: ReadonlySet<AccountId>,
  action: SyncAction,
): Promise<boolean> {
  const says = context.projects.get(action.project)
  const projectId = projects.get(action.project)
  if (action.do === 'addProject') {
    if (says === undefined || projectId !== undefined) return false
    projects.set(action.project, await insertProject(trx, source, says))
    return true
  }
  if (projectId === undefined) return false
  switch (action.do) {
    case 'changeProject': {
      if (says === undefined) return false
      const { name, description } = says
      await trx.updateTable('project').set({ name, description }).where('id', '=', projectId).execute()
      return true
    }
    case 'addExperiment':
    case 'changeExperiment': {
      const experiment = context.experiments.get(action.experiment)
      if (experiment === undefined) return false
      await putExperiment(trx, { source, projectId, rule: context.rule }, experiment)
      return true
    }
    case 'withdrawExperiment':
      return await changes(
        trx
          .updateTable('experiment')
          .set({ withdrawn_at: sql<Date>`now()`, version: sql<number>`version + 1` })
          .where('source', '=', source)
          .where('external_id', '=', action.experiment)
          .where('withdrawn_at', 'is', null),
      )
    case 'addMember': {
      const accountId = action.accountId as AccountId
      if (!usable.has(accountId)) return false
      const { role } = action
      const roleSource = role === null ? null : source
      const member = {
        project_id: projectId,
        account_id: accountId,
        role: role ?? 'editor',
        source,
        role_source: roleSource,
      }
      const added = await trx
        .insertInto('project_member')
        .values(member)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      return (added.numInsertedOrUpdatedRows ?? 0n) > 0n
    }
    case 'changeRole':
      return await changes(
        trx
          .updateTable('project_member')
          .set(action.role === null ? { role_source: null } : { role: action.role, role_source: source })
          .where('project_id', '=', projectId)
          .where('account_id', '=', action.accountId as AccountId)
          .where('source', '=', source),
      )
    case 'withdrawMember':
      return await deletes(
        trx
          .deleteFrom('project_member')
          .where('project_id', '=', projectId)
          .where('account_id', '=', action.accountId as AccountId)
          // What people say is theirs to take back.
          .where('source', '=', source),
      )
    case 'admit': {
      const experimentId = await experimentIdOf(trx, source, action.experiment)
      const accountId = action.accountId as AccountId
      if (experimentId === null || !usable.has(accountId)) return false
      const member = { experiment_id: experimentId, account_id: accountId, source }
      await trx
        .insertInto('experiment_member')
        .values(member)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      return true
    }
    case 'dismiss': {
      const experimentId = await experimentIdOf(trx, source, action.experiment)
      if (experimentId === null) return false
      return await deletes(
        trx
          .deleteFrom('experiment_member')
          .where('experiment_id', '=', experimentId)
          .where('account_id', '=', action.accountId as AccountId)
          .where('source', '=', source),
      )
    }
    default:
      return action satisfies never
  }
}

const changes = async (query: { executeTakeFirst(): Promise<{ readonly numUpdatedRows: bigint }> }) =>
  (await query.executeTakeFirst()).numUpdatedRows > 0n
const deletes = async (query: { executeTakeFirst(): Promise<{ readonly numDeletedRows: bigint }> }) =>
  (await query.executeTakeFirst()).numDeletedRows > 0n

/** A project that nobody here owns: its source says who belongs to it. */
async function insertProject(trx: Trx, source: string, { externalId, name, description }: CatalogueProject) {
  const id = newId('project')
  await trx
    .insertInto('project')
    .values({ id, name, description, personal_of: null, source, external_id: externalId })
    .execute()
  await openBooks(trx, { kind: 'project', id })
  return id
}

async function experimentIdOf(trx: Trx, source: string, externalId: string): Promise<ExperimentId | null> {
  const row = await trx
    .selectFrom('experiment')
    .select('id')
    .where('source', '=', source)
    .where('external_id', '=', externalId)
    .executeTakeFirst()
  return row?.id ?? null
}

/** Makes the experiment, or makes it what its source says; its sessions end with its access window. */
async function putExperiment(
  trx: Trx,
  { source, projectId, rule }: { readonly source: string; readonly projectId: ProjectId; readonly rule: AccessRule },
  experiment: CatalogueExperiment,
): Promise<void> {
  const said = {
    project_id: projectId,
    name: experiment.name,
    description: experiment.description,
    instrument: experiment.instrument,
    starts: experiment.starts,
    ends: experiment.ends,
    uid: experiment.posix?.uid ?? null,
    gid: experiment.posix?.gid ?? null,
    audience: experiment.members === null ? ('project' as const) : ('named' as const),
    datasets: JSON.stringify(experiment.datasets),
  }
  const id = await experimentIdOf(trx, source, experiment.externalId)
  if (id === null) {
    await trx
      .insertInto('experiment')
      .values({ id: newId('experiment'), source, external_id: experiment.externalId, ...said })
      .execute()
    return
  }
  await trx
    .updateTable('experiment')
    .set({ ...said, withdrawn_at: null, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  await boundSessions(trx, { id, starts: experiment.starts, ends: experiment.ends }, rule)
}
