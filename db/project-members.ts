import type { AccountId, ProjectId } from '../domain/ids.ts'
import type { ProjectRole } from '../domain/authorization.ts'
import type { Executor, Trx } from './connect.ts'
import { holdUsable } from './leaving.ts'
import type { Page, PageAsk } from './paging.ts'
import { pageOf } from './paging.ts'
import { lockProject, touchProject } from './projects.ts'

export interface Member {
  readonly accountId: AccountId
  readonly displayName: string
  readonly role: ProjectRole
  /** The catalogue that says so; `null`: people here. */
  readonly source: string | null
  readonly addedAt: Date
}

export async function listMembers(
  executor: Executor,
  projectId: ProjectId,
  { after, limit }: PageAsk,
): Promise<Page<Member>> {
  const rows = await executor
    .selectFrom('project_member as m')
    .innerJoin('account as a', 'a.id', 'm.account_id')
    .select(['a.id', 'a.display_name', 'm.role', 'm.source', 'm.added_at'])
    .where('m.project_id', '=', projectId)
    .$if(after !== null, (q) => q.where('a.id', '<', after as AccountId))
    .orderBy('a.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, (row) => ({
    accountId: row.id,
    displayName: row.display_name,
    role: row.role,
    source: row.source,
    addedAt: row.added_at,
  }))
}

/** `sourced`: a catalogue that is still looked at says so, and would again. `personal`: its members are not changed. `last_owner`: a project keeps an owner. `changed`: it is at another version. */
export type MemberChange = 'done' | 'absent' | 'sourced' | 'no_account' | 'personal' | 'last_owner' | 'changed'

/**
 * Makes the account a member in this role, or gives it this one instead. `versions`: `null` whatever the project's is. `catalogues`:
 * those that are kept in step; where one of them says the role it stays so.
 */
export async function putMember(
  trx: Trx,
  projectId: ProjectId,
  { accountId, role }: { readonly accountId: AccountId; readonly role: ProjectRole },
  versions: readonly number[] | null,
  catalogues: readonly string[] = [],
): Promise<MemberChange> {
  const usable = await holdUsable(trx, [accountId])
  const project = await lockProject(trx, projectId)
  if (project === null) return 'absent'
  if (project.personalOf !== null) return 'personal'
  if (versions !== null && !versions.includes(project.version)) return 'changed'
  if (!usable.has(accountId)) return 'no_account'
  if (role !== 'owner' && (await isLastOwner(trx, projectId, accountId))) return 'last_owner'
  const changed = await setRole(trx, projectId, { accountId, role }, catalogues)
  if (changed === 'done') await touchProject(trx, projectId)
  return changed
}

/** Gives a role, of a project that is locked, unless one of these catalogues says another. */
export async function setRole(
  trx: Trx,
  projectId: ProjectId,
  { accountId, role }: { readonly accountId: AccountId; readonly role: ProjectRole },
  catalogues: readonly string[],
): Promise<'done' | 'sourced'> {
  const before = await membershipOf(trx, projectId, accountId)
  if (isSaid(before?.role_source, catalogues)) return before?.role === role ? 'done' : 'sourced'
  await trx
    .insertInto('project_member')
    .values({ project_id: projectId, account_id: accountId, role })
    .onConflict((conflict) => conflict.columns(['project_id', 'account_id']).doUpdateSet({ role, role_source: null }))
    .execute()
  return 'done'
}

const isSaid = (source: string | null | undefined, catalogues: readonly string[]): boolean =>
  typeof source === 'string' && catalogues.includes(source)

/** Ends a membership. Whoever is no member is `absent`. `catalogues`: those that are kept in step; what another one said binds nobody. */
export async function removeMember(
  trx: Trx,
  projectId: ProjectId,
  accountId: AccountId,
  catalogues: readonly string[] = [],
): Promise<MemberChange> {
  const project = await lockProject(trx, projectId)
  if (project === null) return 'absent'
  if (project.personalOf !== null) return 'personal'
  if (await isLastOwner(trx, projectId, accountId)) return 'last_owner'
  const before = await membershipOf(trx, projectId, accountId)
  if (isSaid(before?.source, catalogues)) return 'sourced'
  const { numDeletedRows } = await trx
    .deleteFrom('project_member')
    .where('project_id', '=', projectId)
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  if (numDeletedRows === 0n) return 'absent'
  await touchProject(trx, projectId)
  return 'done'
}

async function membershipOf(trx: Trx, projectId: ProjectId, accountId: AccountId) {
  return await trx
    .selectFrom('project_member')
    .select(['role', 'source', 'role_source'])
    .where('project_id', '=', projectId)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
}

async function isLastOwner(trx: Trx, projectId: ProjectId, accountId: AccountId): Promise<boolean> {
  const owners = await trx
    .selectFrom('project_member')
    .select('account_id')
    .where('project_id', '=', projectId)
    .where('role', '=', 'owner')
    .execute()
  return owners.length === 1 && owners[0]?.account_id === accountId
}
