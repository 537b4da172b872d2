import { readArming } from '../db/epoch.ts'
import type { Db } from '../db/connect.ts'
import { beginMail, concludeMail } from '../db/invitation-mails.ts'
import type { MailFacts, MailKey } from '../db/invitation-mails.ts'
import { closeInvitation, lookAtInvitation, wantReminder } from '../db/invitation-steps.ts'
import type { InvitationId } from '../domain/ids.ts'
import type { InvitationStep } from '../domain/invitation.ts'
import type { Timings } from '../domain/timings.ts'
import type { Mail, MailAnswer, Mailer } from '../ports/mail/mailer.ts'
import { whileDisarmed } from './failures.ts'
import { composeInvitation } from './invitation-texts/compose.ts'

/** What an invitation's workflow does in Carrel's own books. Each is one short transaction and may be repeated. */
export function createInvitationBooksActivities({ db }: { readonly db: Db }) {
  return {
    /** Reads what is to be done next. `null`: there is no such invitation. */
    lookAtInvitation: async (input: {
      readonly id: InvitationId
      readonly timings: Timings
    }): Promise<InvitationStep | null> => await lookAtInvitation(db, input.id, input.timings),

    /** Ends it, unless it has ended. */
    endInvitation: async ({
      id,
      state,
      reason,
    }: { readonly id: InvitationId } & Pick<
      Extract<InvitationStep, { do: 'end' }>,
      'state' | 'reason'
    >): Promise<void> => {
      await closeInvitation(db, id, { state, reason, telling: false })
    },

    /** Has a reminder sent, once. */
    wantReminder: async (input: { readonly id: InvitationId }): Promise<void> => await wantReminder(db, input.id),
  }
}

export type InvitationBooksActivities = ReturnType<typeof createInvitationBooksActivities>

export interface MailDeps {
  readonly db: Db
  readonly mailer: Mailer
  /** Opens the sealed code of an invitation. */
  readonly openCode: (id: InvitationId, sealed: Buffer) => string
  /** The page that a link leads to; the code stands behind its `#`, where no server and no log sees it. */
  readonly pageUrl: string
  /** In which dates are told. */
  readonly timeZone: string
  /** Told of each try, and of a server's own words where it did not take the mail: for operators. */
  readonly tried: (outcome: string, detail: string | null) => void
}

/** What is done through the site's mail server. */
export function createMailActivities({ db, mailer, openCode, pageUrl, timeZone, tried }: MailDeps) {
  return {
    /**
     * Tries once to send a mail, if it is still meant. That it is tried is noted before, what came of it after. A worker that is
     * lost in between leaves the one open: then it is tried again, with the same Message-ID and the same link.
     */
    async sendInvitation({ id, number, timings }: MailKey & { readonly timings: Timings }): Promise<void> {
      // A copy of an installation writes to nobody.
      if ((await readArming(db)).disarmed !== null) throw whileDisarmed()
      const begun = await beginMail(db, { id, number }, timings)
      if (begun.kind !== 'try') return
      const { mail } = begun
      const link = `${pageUrl}#${openCode(id, mail.code)}`
      const answer = await mailer.send(mailOf({ id, number }, mail, link, timeZone))
      tried(answer.kind === 'accepted' ? 'accepted' : answer.code, answer.kind === 'accepted' ? null : answer.detail)
      await concludeMail(db, { id, number }, outcomeOf(answer), timings)
    },
  }
}

export type MailActivities = ReturnType<typeof createMailActivities>

function mailOf({ id, number }: MailKey, facts: MailFacts, link: string, timeZone: string): Mail {
  const replyTo = facts.inviterEmail === null ? null : { name: facts.inviterName, address: facts.inviterEmail }
  return {
    key: `${id}.${number}`,
    to: facts.email,
    replyTo,
    language: facts.language,
    ...composeInvitation({ ...facts, answered: replyTo !== null, timeZone, link }),
  }
}

/** The server's own words stay out of the rows. */
const outcomeOf = (answer: MailAnswer) =>
  answer.kind === 'accepted'
    ? { kind: answer.kind }
    : answer.kind === 'refused'
      ? { kind: answer.kind, code: answer.code }
      : { kind: answer.kind, code: answer.code }
