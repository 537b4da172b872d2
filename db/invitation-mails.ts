import { sql } from 'kysely'
import { retryInMs, whyLost } from '../domain/invitation.ts'
import type {
  DelayedMail,
  InvitationLimits,
  InvitationPlace,
  Language,
  MailKind,
  RefusedMail,
} from '../domain/invitation.ts'
import type { InvitationId } from '../domain/ids.ts'
import type { Db } from './connect.ts'
import { recordInvitationEvent } from './invitation-events.ts'
import { endInvitation, lockInvitation, showState } from './invitation-steps.ts'
import { placeOf, readStanding } from './invitation-standing.ts'
import { verifiedEmailsOf } from './verified-emails.ts'

export interface MailKey {
  readonly id: InvitationId
  readonly number: number
}

/** Everything that a mail says. */
export interface MailFacts {
  readonly kind: MailKind
  readonly email: string
  readonly language: Language
  /** Sealed. */
  readonly code: Buffer
  readonly expiresAt: Date
  readonly place: InvitationPlace
  readonly projectName: string
  readonly sessionName: string | null
  readonly inviterName: string
  /** Where answers go; `null`: the inviter has no address that anybody vouches for. */
  readonly inviterEmail: string | null
  readonly anyone: boolean
}

/**
 * Notes that the mail is tried now, before it is. `done`: there is nothing to try, it is out or meant no more. `busy`: another
 * try began, and may still be under way.
 */
export async function beginMail(
  db: Db,
  { id, number }: MailKey,
  { mailTryMs }: InvitationLimits,
): Promise<{ readonly kind: 'done' } | { readonly kind: 'busy' } | { readonly kind: 'try'; readonly mail: MailFacts }> {
  return await db.transaction().execute(async (trx) => {
    const invitation = await lockInvitation(trx, id)
    const standing = invitation === null ? null : await readStanding(trx, id)
    if (invitation === null || standing === null || whyLost(standing) !== null) return { kind: 'done' }
    if (invitation.expires_at <= invitation.now) return { kind: 'done' }
    const mail = await trx
      .selectFrom('invitation_mail')
      .select(['kind', 'began_at'])
      .where('invitation_id', '=', id)
      .where('number', '=', number)
      .where('ended_at', 'is', null)
      .executeTakeFirst()
    if (mail === undefined) return { kind: 'done' }
    if (mail.began_at !== null && invitation.now.getTime() - mail.began_at.getTime() < mailTryMs)
      return { kind: 'busy' }
    await trx
      .updateTable('invitation_mail')
      .set({ began_at: sql<Date>`clock_timestamp()`, tries: sql<number>`tries + 1` })
      .where('invitation_id', '=', id)
      .where('number', '=', number)
      .execute()
    const facts = await trx
      .selectFrom('invitation as i')
      .innerJoin('project as p', 'p.id', 'i.project_id')
      .innerJoin('account as a', 'a.id', 'i.inviter_id')
      .leftJoin('session as s', 's.id', 'i.session_id')
      .select(['i.email', 'i.language', 'i.code', 'i.expires_at', 'i.role', 'i.mode', 'i.anyone'])
      .select(['i.inviter_id', 'p.name as project_name', 's.name as session_name', 'a.display_name'])
      .where('i.id', '=', id)
      .executeTakeFirstOrThrow()
    const [inviterEmail = null] = await verifiedEmailsOf(trx, facts.inviter_id)
    return {
      kind: 'try',
      mail: {
        kind: mail.kind,
        email: facts.email,
        language: facts.language,
        code: facts.code,
        expiresAt: facts.expires_at,
        place: placeOf(facts),
        projectName: facts.project_name,
        sessionName: facts.session_name,
        inviterName: facts.display_name,
        inviterEmail,
        anyone: facts.anyone,
      },
    }
  })
}

export type MailOutcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly code: RefusedMail }
  | { readonly kind: 'later'; readonly code: DelayedMail }

/**
 * Notes what came of a try. Accepted: the mail is out. Refused: nobody has that mailbox, and the invitation ends. Later: it is
 * tried again. What ended meanwhile stays as it is.
 */
export async function concludeMail(
  db: Db,
  { id, number }: MailKey,
  outcome: MailOutcome,
  limits: InvitationLimits,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockInvitation(trx, id)
    const open = trx
      .updateTable('invitation_mail')
      .where('invitation_id', '=', id)
      .where('number', '=', number)
      .where('ended_at', 'is', null)
    switch (outcome.kind) {
      case 'accepted': {
        const sent = await open
          .set({ ended_at: sql<Date>`now()`, outcome: 'sent', problem: null })
          .returning('kind')
          .executeTakeFirst()
        if (sent === undefined) return
        await recordInvitationEvent(trx, id, 'invitation.mail_sent', { kind: sent.kind })
        return await showState(trx, id, 'sent')
      }
      case 'refused': {
        const refused = await open
          .set({ ended_at: sql<Date>`now()`, outcome: 'refused', problem: outcome.code })
          .returning('kind')
          .executeTakeFirst()
        if (refused === undefined) return
        await endInvitation(trx, id, { state: 'bounced', reason: outcome.code, telling: false })
        return
      }
      case 'later': {
        const { code } = outcome
        const before = await trx
          .selectFrom('invitation_mail')
          .select(['problem', 'tries'])
          .where('invitation_id', '=', id)
          .where('number', '=', number)
          .where('ended_at', 'is', null)
          .executeTakeFirst()
        if (before === undefined) return
        const inMs = retryInMs(before.tries, limits)
        await open
          .set({
            began_at: null,
            problem: code,
            next_try_at: sql<Date>`clock_timestamp() + ${inMs}::float8 * interval '1 millisecond'`,
          })
          .execute()
        // A line for each reason, not for each try.
        if (before.problem !== code) await recordInvitationEvent(trx, id, 'invitation.mail_delayed', { code })
        return
      }
      default:
        outcome satisfies never
    }
  })
}
