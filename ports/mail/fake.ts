import { canonicalEmail } from '../../domain/email.ts'
import { headerText, messageIdOf } from './mailer.ts'
import type { Mail, Mailer } from './mailer.ts'

export interface FakeMailbox {
  /** Every mail that was taken, in order; also those whose sender was never told. */
  readonly taken: readonly (Mail & { readonly messageId: string })[]
  /** Tries that anybody heard of, taken or not. */
  tries(): number
}

export interface FakeMailer extends Mailer, FakeMailbox {
  goDown(): void
  goUp(): void
  /** Nobody has this mailbox. */
  refuse(address: string): void
  /** The next so many tries are told to come again. */
  defer(times: number): void
  /** The next mail is taken, and nobody says so. */
  loseNextAnswer(): void
}

/** A mail server in memory, with the answers of a real one. */
export function createFakeMailer(from = 'carrel@site.example'): FakeMailer {
  const taken: (Mail & { readonly messageId: string })[] = []
  const unknown = new Set<string>()
  let down = false
  let deferred = 0
  let lost = 0
  let tries = 0
  return {
    taken,
    tries: () => tries,
    goDown: () => {
      down = true
    },
    goUp: () => {
      down = false
    },
    refuse: (address) => void unknown.add(address),
    defer: (times) => {
      deferred = times
    },
    loseNextAnswer: () => {
      lost += 1
    },
    async send(mail) {
      tries += 1
      if (down) return { kind: 'later', code: 'unreachable', detail: 'It is away.' }
      if (deferred > 0) {
        deferred -= 1
        return { kind: 'later', code: 'deferred', detail: '451 4.7.1 Come again.' }
      }
      if (canonicalEmail(mail.to) === null || unknown.has(mail.to))
        return { kind: 'refused', code: 'recipient_refused', detail: '550 5.1.1 Nobody.' }
      const messageId = messageIdOf(mail.key, from)
      taken.push({ ...mail, subject: headerText(mail.subject), messageId })
      if (lost > 0) {
        lost -= 1
        return { kind: 'later', code: 'unconfirmed', detail: 'It broke off.' }
      }
      return { kind: 'accepted', messageId }
    },
    close: async () => {},
  }
}
