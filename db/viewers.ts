import { sql } from 'kysely'
import type { AccountId, ProjectId } from '../domain/ids.ts'
import type { Viewer } from '../domain/template.ts'
import type { Executor } from './connect.ts'

export interface Visitor extends Viewer {
  readonly personalProjectId: ProjectId | null
}

/** The account as templates see it, and its own project. An account that is not there sees what everyone sees. */
export async function viewerOf(executor: Executor, accountId: AccountId): Promise<Visitor> {
  const personal = sql<ProjectId | null>`(select id from project where personal_of = account.id)`
  const projectIds = sql<ProjectId[]>`array(select project_id from project_member where account_id = account.id)`
  const account = await executor
    .selectFrom('account')
    .select(['organisation', 'groups', projectIds.as('project_ids'), personal.as('personal_id')])
    .where('id', '=', accountId)
    .executeTakeFirst()
  return {
    accountId,
    organisation: account?.organisation ?? null,
    groups: account?.groups ?? [],
    projectIds: account?.project_ids ?? [],
    personalProjectId: account?.personal_id ?? null,
  }
}
