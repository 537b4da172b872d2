import { acceptInvitation, declineInvitation } from '../../db/invitation-answers.ts'
import type { Answered } from '../../db/invitation-answers.ts'
import type { CollaboratorChange } from '../../db/collaborators.ts'
import type { Trx } from '../../db/connect.ts'
import { closeInvitation } from '../../db/invitation-steps.ts'
import { getInvitation, invitationOfCode } from '../../db/invitations.ts'
import type { Invitation } from '../../db/invitations.ts'
import { verifiedEmailsOf } from '../../db/verified-emails.ts'
import type { AccountId, InvitationId } from '../../domain/ids.ts'
import type { LostReason } from '../../domain/invitation.ts'
import { catalogueNames, saidElsewhere } from '../catalogue-words.ts'
import { change } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { mustAcceptTerms } from '../../db/terms.ts'
import { accountLeaves, notFound, Problem } from '../problem.ts'
import { expectTermsAccepted } from '../terms/expected.ts'
import { hashOfCode } from './code.ts'
import { overOf, readInvitation } from './inviting.ts'

/** By the code of a link, or by its id, for whom it names. */
export interface AnswerAsk {
  readonly code?: string | undefined
  readonly invitationId?: InvitationId | undefined
}

type Books = Pick<Services, 'db'>

/** The offer is worth nothing any more: nothing of the answer stays, and it is revoked. */
class OfferLost extends Error {
  readonly reason: LostReason
  constructor(reason: LostReason) {
    super('The offer is lost.')
    this.reason = reason
  }
}

/** Accepts. Whoever accepted already is told the same again. */
export async function accept(
  services: Books & { readonly settings?: Pick<Services['settings'], 'catalogues'> },
  deed: Deed,
  who: AccountId,
  ask: AnswerAsk,
): Promise<Invitation> {
  const { db } = services
  const { id, byLink } = await namedBy(services, ask)
  try {
    return await change(db, deed, { kind: 'invitation', id }, async (trx) => {
      await expectTermsAccepted(trx, who)
      const answered = await acceptInvitation(trx, id, {
        accountId: who,
        byLink,
        catalogues: catalogueNames(services.settings ?? {}),
      })
      await expectDone(trx, { id, byLink }, answered)
      return await readInvitation({ db: trx }, id)
    })
  } catch (error) {
    if (!(error instanceof OfferLost)) throw error
    await closeInvitation(db, id, { state: 'revoked', reason: error.reason, telling: true })
    throw overOf(await readInvitation(services, id))
  }
}

/** Declines. One that is declined already stays so. */
export async function decline(services: Books, deed: Deed, who: AccountId, ask: AnswerAsk): Promise<Invitation> {
  const { db } = services
  const { id, byLink } = await namedBy(services, ask)
  return await change(db, deed, { kind: 'invitation', id }, async (trx) => {
    const answered = await declineInvitation(trx, id, { accountId: who, byLink })
    const invitation = await readInvitation({ db: trx }, id)
    if (answered.kind === 'over' && invitation.state === 'declined') return invitation
    await expectDone(trx, { id, byLink }, answered)
    return invitation
  })
}

/** What a link leads to, for whoever has it. */
export async function view({ db }: Books, who: AccountId, code: string) {
  const invitation = await invitationOfCode(db, hashOfCode(code))
  if (invitation === null) throw notFound('invitation')
  return { invitation, why: await obstacle({ db }, who, invitation) }
}

/** The code of the problem that accepting would meet first; `null`: none that could be told before. */
async function obstacle({ db }: Books, who: AccountId, invitation: Invitation) {
  const { anyone, email, endedAt, expiresAt } = invitation
  if (endedAt !== null || expiresAt.getTime() <= Date.now()) return 'invitation_over'
  if (!anyone && !(await verifiedEmailsOf(db, who)).includes(email)) return 'email_differs'
  return (await mustAcceptTerms(db, who)) ? 'terms_not_accepted' : null
}

async function namedBy({ db }: Books, { code, invitationId }: AnswerAsk) {
  if (invitationId !== undefined) return { id: invitationId, byLink: false }
  const invitation = code === undefined ? null : await invitationOfCode(db, hashOfCode(code))
  if (invitation === null) throw notFound('invitation')
  return { id: invitation.id, byLink: true }
}

async function expectDone(
  trx: Trx,
  { id, byLink }: { readonly id: InvitationId; readonly byLink: boolean },
  answered: Answered,
): Promise<void> {
  switch (answered.kind) {
    case 'done':
    case 'already':
      return
    case 'absent':
      throw notFound('invitation')
    case 'over': {
      const invitation = await getInvitation(trx, id)
      throw invitation === null ? notFound('invitation') : overOf(invitation)
    }
    case 'other_person':
      // Whoever has no link must not learn what there is.
      if (!byLink) throw notFound('invitation')
      throw new Problem('email_differs', 'It is for an e-mail address that is not proven to be yours.')
    case 'account_leaves':
      throw accountLeaves()
    case 'lost':
      throw new OfferLost(answered.reason)
    case 'member':
      if (answered.why === 'sourced') throw saidElsewhere('what you are in this project')
      throw new Problem('conflict', 'You cannot become a member of this project.')
    case 'collaborator':
      throw unsharable(answered.why)
    default:
      answered satisfies never
  }
}

function unsharable(why: Exclude<CollaboratorChange, 'done'>): Problem {
  if (why === 'sharing_off')
    return new Problem('sharing_off', 'Sessions of this template, or of this project, are not to be shared.')
  if (why === 'members_only') return new Problem('members_only', 'Only members of its project may enter this session.')
  if (why === 'owner') return new Problem('conflict', 'This session is your own.')
  if (why === 'full') return new Problem('conflict', 'The session has as many collaborators as it may have.')
  return new Problem('conflict', 'You cannot be let into this session as things stand.')
}
