import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Mail, Mailer } from '../../ports/mail/mailer.ts'

/** What arrived, as whoever got it sees it. */
export interface Arrived {
  readonly to: string
  readonly replyTo: string | null
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly messageId: string
}

export interface MailHarness {
  readonly mailer: Mailer
  arrived(): readonly Arrived[]
  refuse(address: string): void
  defer(times: number): void
  loseNextAnswer(): void
  away(): Promise<void>
  back(): Promise<void>
  close(): Promise<void>
}

const mail = (more: Partial<Mail> = {}): Mail => ({
  key: 'i0123456789abc.1',
  to: 'ada@site.example',
  replyTo: { name: 'Grace Hopper', address: 'grace@site.example' },
  subject: 'Grace Hopper invites you',
  text: 'Come in: https://carrel.example/invitation#abc\n',
  html: '<p>Come in: <a href="https://carrel.example/invitation#abc">here</a></p>',
  language: 'en',
  ...more,
})

/** What every mailer keeps. */
export function mailerConformance(name: string, open: () => Promise<MailHarness>): void {
  describe(`the mailer ${name}`, () => {
    let harness: MailHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(async () => await harness.close())
    const send = async (more?: Partial<Mail>) => await harness.mailer.send(mail(more))

    test('brings a mail with its two texts, who answers it and its Message-ID', async () => {
      const answer = await send()
      expect(answer).toEqual({ kind: 'accepted', messageId: expect.stringMatching(/^<i0123456789abc\.1@[a-z.]+>$/) })
      const [first, ...others] = harness.arrived()
      expect(others).toEqual([])
      expect(first).toMatchObject({ to: 'ada@site.example', subject: 'Grace Hopper invites you' })
      expect(first?.replyTo).toContain('grace@site.example')
      expect(first?.text).toContain('https://carrel.example/invitation#abc')
      expect(first?.html).toContain('<a href="https://carrel.example/invitation#abc">')
      expect(answer.kind === 'accepted' && answer.messageId).toBe(first?.messageId)
    })

    test('brings a mail that nobody is to answer', async () => {
      expect(await send({ replyTo: null })).toMatchObject({ kind: 'accepted' })
      expect(harness.arrived()[0]?.replyTo).toBe(null)
    })

    test('tells a mailbox that nobody has from a server that is busy', async () => {
      harness.refuse('ghost@site.example')
      expect(await send({ to: 'ghost@site.example' })).toMatchObject({ kind: 'refused', code: 'recipient_refused' })
      harness.defer(1)
      expect(await send()).toMatchObject({ kind: 'later', code: 'deferred' })
      expect(harness.arrived()).toEqual([])
      expect(await send()).toMatchObject({ kind: 'accepted' })
    })

    test('says later while the server is away, and sends when it is back', async () => {
      await harness.away()
      expect(await send()).toMatchObject({ kind: 'later', code: 'unreachable' })
      await harness.back()
      expect(await send()).toMatchObject({ kind: 'accepted' })
      expect(harness.arrived()).toHaveLength(1)
    })

    test('says that it does not know where the answer is lost; the next try has the same Message-ID', async () => {
      harness.loseNextAnswer()
      expect(await send()).toMatchObject({ kind: 'later', code: 'unconfirmed' })
      expect(await send()).toMatchObject({ kind: 'accepted' })
      const ids = harness.arrived().map(({ messageId }) => messageId)
      expect(ids).toHaveLength(2)
      expect(new Set(ids).size).toBe(1)
    })

    test('lets nothing of what people wrote become a header or a recipient', async () => {
      const subject = 'Hello\r\nBcc: mallory@evil.example\r\n\r\nand a body'
      const replyTo = { name: 'Eve\r\nBcc: mallory@evil.example', address: 'eve@site.example' }
      await send({ subject, replyTo })
      const [first] = harness.arrived()
      expect(first).toMatchObject({ to: 'ada@site.example', subject: 'Hello Bcc: mallory@evil.example and a body' })
      expect(harness.arrived()).toHaveLength(1)
      expect(first?.text).not.toContain('and a body')
    })

    test('keeps letters of all languages', async () => {
      const text = 'Überprüfung · été · mañana · één · 研究\n'
      await send({ subject: 'Grüße aus Zürich', text })
      expect(harness.arrived()[0]).toMatchObject({ subject: 'Grüße aus Zürich', text })
    })
  })
}
