import { sql } from 'kysely'
import type { AccountId, ProjectId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'
import { requestStop } from './intents.ts'
import { holdUsable } from './leaving.ts'
import { removeMember, setRole } from './project-members.ts'
import type { MemberChange } from './project-members.ts'
import { lockProject, touchProject } from './projects.ts'

/**
 * Closes the project: nothing is begun in it any more, and its sessions are asked to stop. What is in it stays. Sessions that are
 * being written just now are asked by who writes them.
 */
export async function closeProject(trx: Trx, id: ProjectId): Promise<void> {
  await trx
    .updateTable('project')
    .set({ closed_at: sql<Date>`now()`, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  const live = await trx
    .selectFrom('session')
    .select('id')
    .where('project_id', '=', id)
    .where('ended_at', 'is', null)
    .orderBy('id')
    .execute()
  for (const session of live) await requestStop(trx, session.id, 'project_closed')
}

/** `ownerless`: nobody could say who belongs to it. */
export type StandingChange = MemberChange | 'ownerless'

/** Puts the project aside: see `closeProject`. One that is aside already stays so. */
export async function archiveProject(trx: Trx, id: ProjectId): Promise<StandingChange> {
  const project = await lockProject(trx, id)
  if (project === null) return 'absent'
  if (project.personalOf !== null) return 'personal'
  if (project.closedAt === null) await closeProject(trx, id)
  return 'done'
}

/** Takes the project up again. What was stopped stays so. */
export async function unarchiveProject(trx: Trx, id: ProjectId): Promise<StandingChange> {
  const project = await lockProject(trx, id)
  if (project === null) return 'absent'
  if (project.personalOf !== null) return 'personal'
  if (project.closedAt === null) return 'done'
  if (project.source === null && (await ownersOf(trx, id)).length === 0) return 'ownerless'
  await trx
    .updateTable('project')
    .set({ closed_at: null, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  return 'done'
}

/** Makes the account the project's only owner; whoever was one is an editor from then on. `catalogues`: see `putMember`. */
export async function transferProject(
  trx: Trx,
  id: ProjectId,
  heirId: AccountId,
  catalogues: readonly string[] = [],
): Promise<StandingChange> {
  const usable = await holdUsable(trx, [heirId])
  const project = await lockProject(trx, id)
  if (project === null) return 'absent'
  if (project.personalOf !== null) return 'personal'
  if (!usable.has(heirId)) return 'no_account'
  const owners = (await ownersOf(trx, id)).filter((accountId) => accountId !== heirId)
  for (const accountId of owners)
    if ((await setRole(trx, id, { accountId, role: 'editor' }, catalogues)) === 'sourced') return 'sourced'
  if ((await setRole(trx, id, { accountId: heirId, role: 'owner' }, catalogues)) === 'sourced') return 'sourced'
  await touchProject(trx, id)
  return 'done'
}

/** Ends one's own membership. The last owner stays, and whom one of these catalogues says. */
export const leaveProject = async (
  trx: Trx,
  id: ProjectId,
  accountId: AccountId,
  catalogues: readonly string[] = [],
): Promise<StandingChange> => await removeMember(trx, id, accountId, catalogues)

async function ownersOf(trx: Trx, id: ProjectId): Promise<AccountId[]> {
  const rows = await trx
    .selectFrom('project_member')
    .select('account_id')
    .where('project_id', '=', id)
    .where('role', '=', 'owner')
    .execute()
  return rows.map((row) => row.account_id)
}
