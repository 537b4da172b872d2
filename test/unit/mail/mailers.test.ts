import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeMailer } from '../../../ports/mail/fake.ts'
import { createSmtpMailer } from '../../../ports/mail/smtp/mailer.ts'
import { answerOf } from '../../../ports/mail/smtp/answer.ts'
import { smtpSettings } from '../../../ports/mail/smtp/settings.ts'
import type { SmtpSettings } from '../../../ports/mail/smtp/settings.ts'
import { mailerConformance } from '../../conformance/mailer.ts'
import { makeServerCertificate } from '../../support/certificates.ts'
import type { ServerCertificate } from '../../support/certificates.ts'
import { startMailServer } from '../../support/mail/mail-server.ts'
import type { MailServer } from '../../support/mail/mail-server.ts'

const from = { name: 'Carrel', address: 'carrel@site.example' }

const settingsFor = ({ host, port }: MailServer, more: Partial<SmtpSettings> = {}): SmtpSettings =>
  smtpSettings.parse({ host, port, tls: 'none', auth: null, from, timeoutMs: 20_000, ...more })

const mail = {
  key: 'i1.1',
  to: 'ada@site.example',
  replyTo: null,
  subject: 'A word',
  text: 'A word.',
  html: '<p>A word.</p>',
  language: 'nl',
}

mailerConformance('fake', async () => {
  const mailer = createFakeMailer()
  return {
    mailer,
    arrived: () =>
      mailer.taken.map((taken) => ({
        ...taken,
        replyTo: taken.replyTo === null ? null : `${taken.replyTo.name} <${taken.replyTo.address}>`,
      })),
    refuse: mailer.refuse,
    defer: mailer.defer,
    loseNextAnswer: mailer.loseNextAnswer,
    away: async () => mailer.goDown(),
    back: async () => mailer.goUp(),
    close: async () => await mailer.close(),
  }
})

mailerConformance('smtp', async () => {
  const server = await startMailServer()
  const mailer = createSmtpMailer(settingsFor(server))
  return {
    mailer,
    arrived: () => server.caught.map((caught) => ({ ...caught, to: caught.to.join(', ') })),
    refuse: server.refuse,
    defer: server.defer,
    loseNextAnswer: server.loseNextAnswer,
    away: server.stop,
    back: server.start,
    async close() {
      await mailer.close()
      await server.close()
    },
  }
})

describe('by SMTP', () => {
  let certificate: ServerCertificate
  beforeAll(async () => {
    certificate = await makeServerCertificate()
  })
  const servers: MailServer[] = []
  afterAll(async () => {
    for (const server of servers) await server.close()
  })
  const serve = async (...options: Parameters<typeof startMailServer>) => {
    const server = await startMailServer(...options)
    servers.push(server)
    return server
  }
  const send = async (settings: SmtpSettings) => await createSmtpMailer(settings).send(mail)

  test('comes from the one address of the site, and asks for no absence note', async () => {
    const server = await serve()
    await send(settingsFor(server))
    expect(server.caught[0]).toMatchObject({ from: '"Carrel" <carrel@site.example>' })
    expect(server.caught[0]?.headers.get('auto-submitted')).toBe('auto-generated')
    expect(server.caught[0]?.headers.get('content-language')).toBe('nl')
  })

  test.each(['implicit', 'starttls'] as const)(
    'with TLS (%s) trusts whom it is told to, and nobody else',
    async (tls) => {
      const auth = { user: 'carrel', password: 'open sesame' }
      const server = await serve({ tls, certificate, auth })
      expect(await send(settingsFor(server, { tls, auth, ca: certificate.ca }))).toMatchObject({ kind: 'accepted' })
      expect(await send(settingsFor(server, { tls, auth }))).toMatchObject({ kind: 'later', code: 'tls_failed' })
      const wrong = { user: 'carrel', password: 'shut' }
      expect(await send(settingsFor(server, { tls, auth: wrong, ca: certificate.ca }))).toMatchObject({
        kind: 'later',
        code: 'auth_refused',
      })
      expect(server.caught).toHaveLength(1)
    },
  )

  test('demands TLS where it is told to: a server without it gets neither the password nor the mail', async () => {
    const auth = { user: 'carrel', password: 'open sesame' }
    const server = await serve({ auth })
    expect(await send(settingsFor(server, { tls: 'starttls', auth }))).toMatchObject({
      kind: 'later',
      code: 'tls_failed',
    })
    expect(server.caught).toEqual([])
  })

  test('gives up a server that takes the connection and says nothing', async () => {
    const server = await serve()
    server.hang(true)
    expect(await send(settingsFor(server, { timeoutMs: 300 }))).toMatchObject({ kind: 'later', code: 'timeout' })
    server.hang(false)
    expect(await send(settingsFor(server))).toMatchObject({ kind: 'accepted' })
  })

  test('takes a full mailbox and a server that does not let us for something that passes', async () => {
    const server = await serve()
    const answers = []
    for (const [code, text] of [
      [552, '5.2.2 over quota'],
      [554, '5.7.1 relaying denied'],
      [450, '4.2.0 later'],
      [553, '5.1.3 what is this?'],
    ] as const) {
      server.answerRecipients(code, text)
      answers.push(await send(settingsFor(server)))
    }
    expect(answers).toMatchObject([
      { kind: 'later', code: 'deferred' },
      { kind: 'later', code: 'sender_refused' },
      { kind: 'later', code: 'deferred' },
      { kind: 'refused', code: 'recipient_refused' },
    ])
  })
})

test('what the server says about us is no bounce, whatever the phase', () => {
  const of = (command: string, response: string, given = false) =>
    answerOf({ command, response, responseCode: Number(response.slice(0, 3)), code: 'EENVELOPE' }, given)
  expect(of('MAIL FROM', '550 5.1.8 bad sender')).toMatchObject({ kind: 'later', code: 'sender_refused' })
  expect(of('DATA', '554 5.6.0 spam', true)).toMatchObject({ kind: 'refused', code: 'message_refused' })
  expect(of('DATA', '451 4.3.0 disk', true)).toMatchObject({ kind: 'later', code: 'deferred' })
  expect(answerOf({ code: 'ECONNECTION', command: 'CONN' }, true)).toMatchObject({ code: 'unconfirmed' })
  expect(answerOf({ code: 'EDNS', message: `no\n${'x'.repeat(900)}` }, false).kind).toBe('later')
  const { detail } = answerOf({ code: 'EDNS', message: `no\n${'x'.repeat(900)}` }, false) as { detail: string }
  expect(detail).toHaveLength(300)
  expect(detail).not.toContain('\n')
})
