import type { Trx } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { exceededByMail, exceededRate } from '../../db/invitation-rates.ts'
import { readStanding, sharingOf } from '../../db/invitation-standing.ts'
import { wantResend } from '../../db/invitation-steps.ts'
import { revokeInvitation } from '../../db/invitation-answers.ts'
import { getInvitation, insertInvitation } from '../../db/invitations.ts'
import type { Invitation } from '../../db/invitations.ts'
import { isLeaving } from '../../db/leaving.ts'
import { getProject } from '../../db/projects.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, InvitationId, ProjectId, SessionId } from '../../domain/ids.ts'
import { reminderAt, whyLost } from '../../domain/invitation.ts'
import type { InvitationPlace, Language, LostReason, StandingFacts } from '../../domain/invitation.ts'
import { change, createOnce } from '../changes.ts'
import type { ApiSettings, Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { accountLeaves, invalid, notFound, Problem } from '../problem.ts'
import { hashOfCode, newCode } from './code.ts'
import { plainInvitations } from './settings.ts'

const dayMs = 24 * 60 * 60 * 1_000

export type Inviting = Invitee &
  (
    | { readonly projectId: ProjectId; readonly place: Extract<InvitationPlace, { kind: 'project' }> }
    | { readonly sessionId: SessionId; readonly place: Extract<InvitationPlace, { kind: 'session' }> }
  )

interface Invitee {
  readonly inviterId: AccountId
  /** Whether an admin's rights count: not of who acts for one. */
  readonly asAdmin: boolean
  readonly email: string
  readonly anyone: boolean
  readonly language?: Language | undefined
  readonly expiresInDays?: number | undefined
}

export type Invited =
  | { readonly kind: 'made'; readonly invitation: Invitation; readonly link: string | null }
  | { readonly kind: 'shown'; readonly invitation: Invitation }

/** Invites somebody. The link is in the answer only where nobody mails it, and only in the first one. */
export async function invite(services: Services, deed: Deed, intent: IntentKey, asked: Inviting): Promise<Invited> {
  const { db } = services
  const settings = services.settings.invitations ?? plainInvitations
  const id = newId('invitation')
  const code = newCode()
  const outcome = await createOnce(db, deed, intent, { kind: 'invitation', id }, async () => {
    // A project has few of them, and they decide everything: they are named.
    if (asked.anyone && asked.place.kind === 'project' && asked.place.role === 'owner')
      throw invalid('/anyone', 'Expected false: whoever is to own a project is named.')
    return async (trx) => {
      const { projectId, sessionId } = await placeFor(trx, asked)
      const exceeded = await exceededRate(trx, { ...asked, projectId }, settings.rates)
      if (exceeded !== null) throw tooMany(exceeded.inSeconds)
      if (await isLeaving(trx, asked.inviterId)) throw accountLeaves()
      const expiresInMs = (asked.expiresInDays ?? settings.days) * dayMs
      const recorded = await insertInvitation(trx, {
        id,
        projectId,
        sessionId,
        place: asked.place,
        inviterId: asked.inviterId,
        email: asked.email,
        anyone: asked.anyone,
        language: asked.language ?? settings.language,
        delivery: settings.delivery,
        codeHash: hashOfCode(code),
        code: services.sealInvitationCode(id, code),
        expiresInMs,
        remindInMs: reminderAt(0, expiresInMs),
      })
      if (recorded === 'invited_already')
        throw new Problem('already_invited', 'This person is invited there already. Have it sent again, or revoke it.')
      const standing = await readStanding(trx, id)
      const lost = standing === null ? null : whyLost(asIs(standing, asked))
      if (lost !== null) throw standsOnNothing(lost)
    }
  })
  const invitation = await readInvitation(services, outcome.id)
  if (outcome.replayed) return { kind: 'shown', invitation }
  const link = invitation.delivery === 'link' ? `${settings.pageUrl}#${code}` : null
  return { kind: 'made', invitation, link }
}

const asIs = (standing: StandingFacts, { asAdmin }: Inviting): StandingFacts => ({
  ...standing,
  inviter: { ...standing.inviter, admin: standing.inviter.admin && asAdmin },
})

/** Where to. Throws where nobody is ever invited. */
async function placeFor(
  trx: Trx,
  asked: Inviting,
): Promise<{ readonly projectId: ProjectId; readonly sessionId: SessionId | null }> {
  if ('sessionId' in asked) {
    const found = await sharingOf(trx, asked.sessionId)
    if (found === null) throw notFound('session')
    if (found.sharing === 'off')
      throw new Problem('sharing_off', 'Sessions of this template, or of this project, are not to be shared.')
    return { projectId: found.projectId, sessionId: asked.sessionId }
  }
  const project = await getProject(trx, asked.projectId)
  if (project === null) throw notFound('project')
  if (project.personalOf !== null)
    throw new Problem('conflict', 'A personal project has one member. Make a project to work together.')
  return { projectId: asked.projectId, sessionId: null }
}

const tooMany = (seconds: number) =>
  new Problem('too_many_requests', 'So many invitations were sent today that the next one has to wait.', {
    headers: { 'retry-after': String(seconds) },
  })

function standsOnNothing(lost: LostReason): Problem {
  switch (lost) {
    case 'project_closed':
      return new Problem('conflict', 'The project is closed.')
    case 'session_over':
      return new Problem('conflict', 'The session has ended, or is about to.')
    case 'right_lost':
    case 'account_disabled':
      return new Problem('forbidden', 'Nobody offers more than they have there themselves.')
    default:
      return lost satisfies never
  }
}

/** The invitation. Throws 404. */
export async function readInvitation({ db }: Pick<Services, 'db'>, id: InvitationId): Promise<Invitation> {
  const invitation = await getInvitation(db, id)
  if (invitation === null) throw notFound('invitation')
  return invitation
}

/** Has the same link sent once more. */
export async function resend(
  { db, settings }: Pick<Services, 'db'> & { readonly settings: Pick<ApiSettings, 'invitations'> },
  deed: Deed,
  id: InvitationId,
): Promise<Invitation> {
  const { rates } = settings.invitations ?? plainInvitations
  return await change(db, deed, { kind: 'invitation', id }, async (trx) => {
    const exceeded = await exceededByMail(trx, id, rates)
    const outcome = await wantResend(trx, id)
    if (outcome !== 'wanted') throw refusalOf(outcome)
    if (exceeded !== null) throw tooMany(exceeded.inSeconds)
    return await readInvitation({ db: trx }, id)
  })
}

function refusalOf(outcome: Exclude<Awaited<ReturnType<typeof wantResend>>, 'wanted'>): Problem {
  switch (outcome) {
    case 'over':
      return new Problem('invitation_over', 'The invitation is over. Write a new one.')
    case 'under_way':
      return new Problem('conflict', 'A mail about it is on its way already: see `sending`.')
    case 'no_mail':
      return new Problem('conflict', 'Its link was shown to you. Where it is lost, revoke it and write a new one.')
    case 'too_soon':
      return new Problem('conflict', 'The last mail about it went out a moment ago. Wait ten minutes.')
    case 'too_often':
      return new Problem('conflict', 'It was sent as often as it may be. Ask the person whether the mails arrive.')
    default:
      return outcome satisfies never
  }
}

/** Takes it back. One that is revoked already stays so. */
export async function revoke({ db }: Pick<Services, 'db'>, deed: Deed, id: InvitationId): Promise<Invitation> {
  return await change(db, deed, { kind: 'invitation', id }, async (trx) => {
    const outcome = await revokeInvitation(trx, id)
    const invitation = await readInvitation({ db: trx }, id)
    if (outcome === 'over' && invitation.state !== 'revoked') throw overOf(invitation)
    return invitation
  })
}

const whatBecame = {
  accepted: 'It was accepted.',
  declined: 'It was declined.',
  expired: 'Its time is over.',
  revoked: 'It was taken back, or whoever wrote it may not invite there any more.',
  bounced: 'The mail about it could not be delivered.',
  sending: 'Its time is over.',
  sent: 'Its time is over.',
} as const

/** What became of it, as a problem. */
export const overOf = ({ state }: Pick<Invitation, 'state'>): Problem =>
  new Problem('invitation_over', whatBecame[state])
