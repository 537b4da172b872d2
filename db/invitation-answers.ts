import { higherMode, whyLost } from '../domain/invitation.ts'
import type { LostReason } from '../domain/invitation.ts'
import { higherRole } from '../domain/authorization.ts'
import type { ProjectRole } from '../domain/authorization.ts'
import type { AccountId, InvitationId } from '../domain/ids.ts'
import type { DoorMode } from '../domain/template.ts'
import { putCollaborator } from './collaborators.ts'
import type { CollaboratorChange } from './collaborators.ts'
import { holdPasses } from './connections.ts'
import type { Executor, Trx } from './connect.ts'
import { endInvitation } from './invitation-steps.ts'
import { readStanding } from './invitation-standing.ts'
import { holdUsable } from './leaving.ts'
import { putMember } from './project-members.ts'
import type { MemberChange } from './project-members.ts'
import { lockProject } from './projects.ts'
import { verifiedEmailsOf } from './verified-emails.ts'

/**
 * What came of an answer. `already`: this account accepted before. `over`: the invitation has ended. `other_person`: it is for an
 * address that is not proven to be the account's. `lost`: its inviter may not give any more what it offers: it is to be revoked.
 */
export type Answered =
  | { readonly kind: 'done' | 'already' | 'over' | 'absent' | 'other_person' | 'account_leaves' }
  | { readonly kind: 'lost'; readonly reason: LostReason }
  | { readonly kind: 'member'; readonly why: Exclude<MemberChange, 'done'> }
  | { readonly kind: 'collaborator'; readonly why: Exclude<CollaboratorChange, 'done'> }

/** By what an invitation is answered: its link, or by being the one whom it names. */
export interface Answering {
  readonly accountId: AccountId
  readonly byLink: boolean
  /** Those that are kept in step: a role that one of them says is not raised here. */
  readonly catalogues?: readonly string[]
}

// Locks, for all that answer or end: accounts, project, passes, session, invitation.

/**
 * Accepts an invitation: its account becomes a member or a collaborator, and the invitation is over, in one transaction. All that
 * the offer stands on is locked while it is looked at, so of those who accept, revoke and close at once one comes first. Whoever
 * has more than is offered keeps it. Undo the transaction on anything but `done` and `already`.
 */
export async function acceptInvitation(trx: Trx, id: InvitationId, answering: Answering): Promise<Answered> {
  const { accountId } = answering
  const invitation = await readOffer(trx, id)
  if (invitation === null) return { kind: 'absent' }
  if (invitation.accepted_by === accountId) return { kind: 'already' }
  // Whose an address is, is read once nobody changes it any more.
  const usable = await holdUsable(trx, [accountId, invitation.inviter_id])
  if (!(await isMeant(trx, invitation, answering))) return { kind: 'other_person' }
  if (invitation.ended_at !== null) return { kind: 'over' }
  if (!usable.has(accountId)) return { kind: 'account_leaves' }
  const refusal = await admit(trx, id, invitation, answering)
  if (refusal !== null) return refusal
  const ended = await endInvitation(trx, id, { state: 'accepted', acceptedBy: accountId, telling: true })
  return { kind: ended === 'ended' ? 'done' : 'over' }
}

/** Declines an invitation. */
export async function declineInvitation(trx: Trx, id: InvitationId, answering: Answering): Promise<Answered> {
  const invitation = await readOffer(trx, id)
  if (invitation === null) return { kind: 'absent' }
  if (!(await isMeant(trx, invitation, answering))) return { kind: 'other_person' }
  const ended = await endInvitation(trx, id, { state: 'declined', reason: 'user', telling: true })
  return { kind: ended === 'ended' ? 'done' : 'over' }
}

/** Takes an invitation back. */
export async function revokeInvitation(trx: Trx, id: InvitationId): Promise<'ended' | 'over'> {
  return await endInvitation(trx, id, { state: 'revoked', reason: 'user', telling: true })
}

async function readOffer(executor: Executor, id: InvitationId) {
  const row = await executor
    .selectFrom('invitation')
    .select(['project_id', 'session_id', 'role', 'mode', 'inviter_id', 'email', 'anyone', 'accepted_by', 'ended_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row ?? null
}
type Offer = NonNullable<Awaited<ReturnType<typeof readOffer>>>

async function isMeant(executor: Executor, offer: Offer, { accountId, byLink }: Answering): Promise<boolean> {
  if (byLink && offer.anyone) return true
  return offer.email !== '' && (await verifiedEmailsOf(executor, accountId)).includes(offer.email)
}

/** Lets the account in, where the offer still stands; else says why not. */
async function admit(
  trx: Trx,
  id: InvitationId,
  offer: Offer,
  { accountId, catalogues }: Answering,
): Promise<Answered | null> {
  const { project_id: projectId, session_id: sessionId, role, mode } = offer
  if (role !== null) {
    await lockProject(trx, projectId)
    const lost = await whyGone(trx, id)
    if (lost !== null) return { kind: 'lost', reason: lost }
    const own = await roleOf(trx, offer, accountId)
    const given = higherRole(own, role)
    if (given === own) return null
    const change = await putMember(trx, projectId, { accountId, role: given }, null, catalogues)
    return change === 'done' ? null : { kind: 'member', why: change }
  }
  if (sessionId === null || mode === null) return { kind: 'absent' }
  // Nobody changes who belongs to the project, or closes it, until this is done.
  await trx.selectFrom('project').select('id').where('id', '=', projectId).forShare().execute()
  await holdPasses(trx, sessionId, accountId)
  await trx.selectFrom('session').select('id').where('id', '=', sessionId).forNoKeyUpdate().execute()
  const lost = await whyGone(trx, id)
  if (lost !== null) return { kind: 'lost', reason: lost }
  const given = higherMode(await modeOf(trx, sessionId, accountId), mode)
  const change = await putCollaborator(trx, sessionId, { accountId, mode: given }, null)
  if (change === 'done') return null
  // What its own check finds, it finds of a session that is locked: it is as it says.
  if (change === 'ended' || change === 'absent') return { kind: 'lost', reason: 'session_over' }
  if (change === 'no_right') return { kind: 'lost', reason: 'right_lost' }
  return { kind: 'collaborator', why: change }
}

async function whyGone(trx: Trx, id: InvitationId): Promise<LostReason | null> {
  const standing = await readStanding(trx, id)
  return standing === null ? 'session_over' : whyLost(standing)
}

async function roleOf(trx: Trx, { project_id: projectId }: Offer, accountId: AccountId): Promise<ProjectRole | null> {
  const row = await trx
    .selectFrom('project_member')
    .select('role')
    .where('project_id', '=', projectId)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  return row?.role ?? null
}

async function modeOf(
  trx: Trx,
  sessionId: NonNullable<Offer['session_id']>,
  accountId: AccountId,
): Promise<DoorMode | null> {
  const row = await trx
    .selectFrom('collaborator')
    .select('mode')
    .where('session_id', '=', sessionId)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  return row?.mode ?? null
}
