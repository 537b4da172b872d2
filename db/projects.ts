import { sql } from 'kysely'
import type { AccountId, ProjectId } from '../domain/ids.ts'
import type { ProjectRole } from '../domain/authorization.ts'
import type { Sharing } from '../domain/template.ts'
import type { Executor, Trx } from './connect.ts'
import { openBooks } from './quotas.ts'

export interface Project {
  readonly id: ProjectId
  readonly name: string
  readonly description: string
  readonly personalOf: AccountId | null
  /** With whom sessions in it may be shared, where their template allows as much. */
  readonly sharing: Sharing
  /** The catalogue that it comes from; `null`: people made it here. */
  readonly source: string | null
  readonly externalId: string | null
  readonly version: number
  readonly createdAt: Date
  readonly closedAt: Date | null
}

export interface NewProject {
  readonly id: ProjectId
  readonly name: string
  readonly description: string
  readonly ownerId: AccountId
  readonly personal?: boolean
}

/** Makes the project with its owner and its quota row. */
export async function insertProject(trx: Trx, project: NewProject): Promise<void> {
  await trx
    .insertInto('project')
    .values({
      id: project.id,
      name: project.name,
      description: project.description,
      personal_of: project.personal === true ? project.ownerId : null,
    })
    .execute()
  await trx
    .insertInto('project_member')
    .values({ project_id: project.id, account_id: project.ownerId, role: 'owner' })
    .execute()
  await openBooks(trx, { kind: 'project', id: project.id })
}

const projects = (executor: Executor) => executor.selectFrom('project').selectAll('project')
export type ProjectRow = Awaited<ReturnType<ReturnType<typeof projects>['executeTakeFirstOrThrow']>>

export const projectView = (row: ProjectRow): Project => ({
  id: row.id,
  name: row.name,
  description: row.description,
  personalOf: row.personal_of,
  sharing: row.sharing,
  source: row.source,
  externalId: row.external_id,
  version: row.version,
  createdAt: row.created_at,
  closedAt: row.closed_at,
})

export async function getProject(executor: Executor, id: ProjectId): Promise<Project | null> {
  const row = await projects(executor).where('id', '=', id).executeTakeFirst()
  return row === undefined ? null : projectView(row)
}

/** What the account is in the project now. `absent`: there is no such project, or it is closed. */
export async function projectRole(
  executor: Executor,
  projectId: ProjectId,
  accountId: AccountId,
): Promise<{ readonly exists: boolean; readonly role: ProjectRole | null; readonly closed: boolean }> {
  const row = await executor
    .selectFrom('project')
    .leftJoin('project_member as m', (join) =>
      join.onRef('m.project_id', '=', 'project.id').on('m.account_id', '=', accountId),
    )
    .select(['m.role', 'project.closed_at'])
    .where('project.id', '=', projectId)
    .executeTakeFirst()
  if (row === undefined) return { exists: false, role: null, closed: false }
  return { exists: true, role: row.role, closed: row.closed_at !== null }
}

/** Locks the project's row, so that changes of its members follow one another. */
export async function lockProject(trx: Trx, id: ProjectId): Promise<Project | null> {
  const row = await projects(trx).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
  return row === undefined ? null : projectView(row)
}

/** Marks that the project, or who belongs to it, changed. */
export async function touchProject(trx: Trx, id: ProjectId): Promise<void> {
  await trx
    .updateTable('project')
    .set({ version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
}

export interface ProjectChange {
  readonly name?: string
  readonly description?: string
  readonly sharing?: Sharing
}

/**
 * Changes what is named. `versions`: `null` whatever the project's is. `sourced`: one of these catalogues, which are kept in step, says
 * what it is called and about.
 */
export async function updateProject(
  trx: Trx,
  id: ProjectId,
  set: ProjectChange,
  versions: readonly number[] | null,
  catalogues: readonly string[] = [],
): Promise<'done' | 'absent' | 'changed' | 'closed' | 'sourced'> {
  const project = await lockProject(trx, id)
  if (project === null) return 'absent'
  if (versions !== null && !versions.includes(project.version)) return 'changed'
  if (project.closedAt !== null) return 'closed'
  const isCalled = set.name !== undefined || set.description !== undefined
  if (isCalled && project.source !== null && catalogues.includes(project.source)) return 'sourced'
  await trx
    .updateTable('project')
    .set({ ...set, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  return 'done'
}
