import { sql } from 'kysely'
import type { AccountId, ProjectId } from '../domain/ids.ts'
import type { Viewer } from '../domain/template.ts'
import type { Executor } from './connect.ts'

/** The account as templates see it. An account that is not there sees what everyone sees. */
export async function viewerOf(executor: Executor, accountId: AccountId): Promise<Viewer> {
  const projectIds = sql<ProjectId[]>`array(select project_id from project_member where account_id = account.id)`
  const account = await executor
    .selectFrom('account')
    .select(['organisation', 'groups', projectIds.as('project_ids')])
    .where('id', '=', accountId)
    .executeTakeFirst()
  return {
    accountId,
    organisation: account?.organisation ?? null,
    groups: account?.groups ?? [],
    projectIds: account?.project_ids ?? [],
  }
}
