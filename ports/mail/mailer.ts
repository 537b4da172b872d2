import type { DelayedMail, RefusedMail } from '../../domain/invitation.ts'

/** One mail to one mailbox. Its sender is the site's, the same for all. */
export interface Mail {
  /** The same for every try to send this mail: its Message-ID is made of it, so that who gets it twice can tell. `[a-z0-9.-]+` */
  readonly key: string
  /** As `canonicalEmail` gives it. */
  readonly to: string
  /** Who is answered; `null`: nobody. */
  readonly replyTo: { readonly name: string; readonly address: string } | null
  readonly subject: string
  readonly text: string
  readonly html: string
  /** BCP 47. */
  readonly language: string
}

/**
 * What a try came to. `accepted`: the mail server has taken the mail and answers for it from here on; later bounces come to the
 * sender's mailbox and are not heard of here. `refused`: not now and not later, this mailbox or this mail. `later`: not now; that
 * includes all that the site can mend (a server that is away, credentials, TLS). With `unconfirmed` the mail was given and nobody
 * said whether it was taken: the next try may be a second one for the same mailbox, with the same Message-ID.
 */
export type MailAnswer =
  | { readonly kind: 'accepted'; readonly messageId: string }
  | { readonly kind: 'refused'; readonly code: RefusedMail; readonly detail: string }
  | { readonly kind: 'later'; readonly code: DelayedMail; readonly detail: string }

/** Sends mail. One conformance suite, every driver passes it. `detail` is the server's own words, capped: for operators' eyes. */
export interface Mailer {
  /** Tries once, and answers within its time limit. Never throws for what a server says or does not say. */
  send(mail: Mail): Promise<MailAnswer>
  /** Ends what is under way. */
  close(): Promise<void>
}

/** The Message-ID of a mail, for a site that sends as this address. */
export const messageIdOf = (key: string, from: string): string => `<${key}@${from.slice(from.lastIndexOf('@') + 1)}>`

const controls = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu
const longestLine = 200

/** A text that people wrote, as it may stand in a header: one line, nothing that could end it or turn its direction. */
export function headerText(text: string): string {
  const line = text.replace(controls, ' ').replace(/\s+/g, ' ').trim()
  return line.length > longestLine ? `${line.slice(0, longestLine - 1)}…` : line
}
