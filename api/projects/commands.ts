import type { Db, Trx } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { isLeaving } from '../../db/leaving.ts'
import { putMember, removeMember } from '../../db/project-members.ts'
import { archiveProject, leaveProject, transferProject, unarchiveProject } from '../../db/project-standing.ts'
import type { StandingChange } from '../../db/project-standing.ts'
import { getProject, insertProject, updateProject } from '../../db/projects.ts'
import type { Project, ProjectChange } from '../../db/projects.ts'
import { stopWithdrawn } from '../../db/withdrawals.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ProjectId } from '../../domain/ids.ts'
import type { ProjectRole } from '../../domain/authorization.ts'
import { catalogueNames, saidElsewhere } from '../catalogue-words.ts'
import { change, createOnce } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { accountLeaves, notFound, Problem } from '../problem.ts'
import { changedMeanwhile } from '../versions.ts'

type Using = Pick<Services, 'db' | 'settings'>

/** Makes a project; whoever asks is its owner. */
export async function addProject(
  db: Db,
  deed: Deed,
  intent: IntentKey,
  asked: { readonly name: string; readonly description: string; readonly ownerId: AccountId },
): Promise<Project> {
  const id = newId('project')
  const made = await createOnce(db, deed, intent, { kind: 'project', id }, async () => async (trx) => {
    if (await isLeaving(trx, asked.ownerId)) throw accountLeaves()
    await insertProject(trx, { id, ...asked })
  })
  return await readProject(db, made.id)
}

/** The project. Throws 404. */
export async function readProject(db: Db, id: ProjectId): Promise<Project> {
  const project = await getProject(db, id)
  if (project === null) throw notFound('project')
  return project
}

/** Changes what is named of a project. Throws 412 if it changed since it was read. */
export async function changeProject(
  { db, settings }: Using,
  deed: Deed,
  id: ProjectId,
  set: ProjectChange,
  versions: readonly number[] | null,
): Promise<Project> {
  return await change(db, deed, { kind: 'project', id }, async (trx) => {
    const outcome = await updateProject(trx, id, set, versions, catalogueNames(settings))
    if (outcome === 'changed') throw changedMeanwhile()
    if (outcome === 'closed') throw new Problem('conflict', 'The project is closed.')
    if (outcome === 'absent') throw notFound('project')
    const project = await readProject(trx, id)
    if (outcome === 'sourced') throw saidElsewhere('what it is called and about', project.source)
    return project
  })
}

/**
 * Makes an account a member, or changes its role; a viewer's sessions with data end. Throws 412 if the project changed since it was
 * read.
 */
export async function setMember(
  { db, settings }: Using,
  deed: Deed,
  id: ProjectId,
  member: { readonly accountId: AccountId; readonly role: ProjectRole },
  versions: readonly number[] | null,
): Promise<Project> {
  return await change(db, deed, { kind: 'project', id }, async (trx) => {
    await expectDone(trx, id, await putMember(trx, id, member, versions, catalogueNames(settings)))
    await stopWithdrawn(trx, settings.withdrawn, id)
    const project = await getProject(trx, id)
    if (project === null) throw notFound('project')
    return project
  })
}

/** Ends a membership, and sessions with data that it stood for. */
export async function dropMember(
  { db, settings }: Using,
  deed: Deed,
  id: ProjectId,
  accountId: AccountId,
): Promise<void> {
  await change(db, deed, { kind: 'project', id }, async (trx) => {
    await expectDone(trx, id, await removeMember(trx, id, accountId, catalogueNames(settings)))
    await stopWithdrawn(trx, settings.withdrawn, id)
  })
}

/** Ends one's own membership, and sessions with data that it stood for. */
export async function leave({ db, settings }: Using, deed: Deed, id: ProjectId, accountId: AccountId): Promise<void> {
  await change(db, deed, { kind: 'project', id }, async (trx) => {
    await expectDone(trx, id, await leaveProject(trx, id, accountId, catalogueNames(settings)))
    await stopWithdrawn(trx, settings.withdrawn, id)
  })
}

/** Makes the account the only owner. */
export const transfer = async (
  { db, settings }: Using,
  deed: Deed,
  id: ProjectId,
  heirId: AccountId,
): Promise<Project> =>
  await stand(db, deed, id, async (trx) => await transferProject(trx, id, heirId, catalogueNames(settings)))

/** Puts the project aside; its sessions are asked to stop. */
export const archive = async (db: Db, deed: Deed, id: ProjectId): Promise<Project> =>
  await stand(db, deed, id, async (trx) => await archiveProject(trx, id))

export const unarchive = async (db: Db, deed: Deed, id: ProjectId): Promise<Project> =>
  await stand(db, deed, id, async (trx) => await unarchiveProject(trx, id))

async function stand(db: Db, deed: Deed, id: ProjectId, work: (trx: Trx) => Promise<StandingChange>): Promise<Project> {
  return await change(db, deed, { kind: 'project', id }, async (trx) => {
    await expectDone(trx, id, await work(trx))
    const project = await getProject(trx, id)
    if (project === null) throw notFound('project')
    return project
  })
}

async function expectDone(trx: Trx, id: ProjectId, outcome: StandingChange): Promise<void> {
  switch (outcome) {
    case 'done':
      return
    case 'absent':
      throw notFound('member')
    case 'no_account':
      throw notFound('account')
    case 'personal':
      throw new Problem('conflict', 'A personal project has one member. Make a project to work together.')
    case 'last_owner':
      throw new Problem('conflict', 'A project keeps an owner. Make somebody else an owner first.')
    case 'changed':
      throw changedMeanwhile()
    case 'sourced':
      throw saidElsewhere('who belongs to it', (await readProject(trx, id)).source)
    case 'ownerless':
      throw new Problem('conflict', 'Nobody owns it any more. Give it an owner first.')
    default:
      outcome satisfies never
  }
}
