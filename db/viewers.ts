import type { AccountId } from '../domain/ids.ts'
import type { Viewer } from '../domain/template.ts'
import type { Executor } from './connect.ts'
import { projectIdsOf } from './projects.ts'

/** The account as templates see it. An account that is not there sees what everyone sees. */
export async function viewerOf(executor: Executor, accountId: AccountId): Promise<Viewer> {
  const account = await executor
    .selectFrom('account')
    .select(['organisation', 'groups'])
    .where('id', '=', accountId)
    .executeTakeFirst()
  return {
    accountId,
    organisation: account?.organisation ?? null,
    groups: account?.groups ?? [],
    projectIds: await projectIdsOf(executor, accountId),
  }
}
