import { putCollaborator, removeCollaborator, sessionVersion } from '../../db/collaborators.ts'
import type { CollaboratorChange } from '../../db/collaborators.ts'
import type { Db } from '../../db/connect.ts'
import type { AccountId, SessionId } from '../../domain/ids.ts'
import type { DoorMode } from '../../domain/template.ts'
import { change } from '../changes.ts'
import type { Deed } from '../env.ts'
import { notFound, Problem } from '../problem.ts'
import { changedMeanwhile } from '../versions.ts'

/** The version that `If-Match` of a change speaks of. Throws 404. */
export async function versionOf(db: Db, id: SessionId): Promise<number> {
  const version = await sessionVersion(db, id)
  if (version === null) throw notFound('session')
  return version
}

/** Lets an account into the session, or changes its mode. Returns the session's new version. */
export async function shareSession(
  db: Db,
  deed: Deed,
  id: SessionId,
  collaborator: { readonly accountId: AccountId; readonly mode: DoorMode },
  versions: readonly number[] | null,
): Promise<number> {
  const about = { ...deed, detail: { ...deed.detail, ...collaborator } }
  return await change(db, about, { kind: 'session', id }, async (trx) => {
    expectDone(await putCollaborator(trx, id, collaborator, versions))
    return await versionOf(trx, id)
  })
}

/** Ends it that an account may enter; what it has open ends with it. */
export async function unshareSession(db: Db, deed: Deed, id: SessionId, accountId: AccountId): Promise<void> {
  await change(db, { ...deed, detail: { ...deed.detail, accountId } }, { kind: 'session', id }, async (trx) => {
    if ((await removeCollaborator(trx, id, accountId)) === 'absent') throw notFound('collaborator')
  })
}

function expectDone(outcome: CollaboratorChange): void {
  switch (outcome) {
    case 'done':
      return
    case 'absent':
      throw notFound('session')
    case 'no_account':
      throw notFound('account')
    case 'changed':
      throw changedMeanwhile()
    case 'ended':
      throw new Problem('conflict', 'The session has ended, or is about to.')
    case 'no_right':
      throw new Problem('forbidden', 'You may not use this session any more, so nobody comes in by you.')
    case 'owner':
      throw new Problem('conflict', 'This is its owner, who may do everything already.')
    case 'full':
      throw new Problem('conflict', 'The session has as many collaborators as it may have.')
    case 'sharing_off':
      throw new Problem('sharing_off', 'Sessions of this template, or of this project, are not to be shared.')
    case 'members_only':
      throw new Problem('members_only', 'Only members of its project may enter this session.', {
        errors: [{ in: 'path', pointer: '/accountId', message: 'Expected a member of the project.' }],
      })
    default:
      outcome satisfies never
  }
}
