import { Readable } from 'node:stream'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { messageIdOf } from '../mailer.ts'
import type { Mail, MailAnswer, Mailer } from '../mailer.ts'
import { answerOf } from './answer.ts'
import type { SmtpError } from './answer.ts'
import { composeMessage } from './message.ts'
import type { SmtpSettings } from './settings.ts'

/** No server has more to say in one reply. */
const longestReply = 64 * 1024

/** Sends through the site's mail server: one connection per mail, in order to know what became of it. */
export function createSmtpMailer(settings: SmtpSettings): Mailer {
  const open = new Set<SMTPConnection>()

  const tryOnce = async (mail: Mail): Promise<MailAnswer> => {
    const message = await composeMessage(mail, settings.from)
    const connection = connect(settings)
    open.add(connection)
    let given = false
    const body = Readable.from(
      (function* () {
        given = true
        yield message
      })(),
    )
    try {
      await within(settings.timeoutMs, connection, async () => {
        await step((done) => connection.connect(done))
        if (settings.auth !== null) {
          const { user, password } = settings.auth
          await step((done) => connection.login({ user, pass: password }, done))
        }
        const envelope = { from: settings.from.address, to: [mail.to], size: message.length }
        await step((done) => connection.send(envelope, body, done))
      })
      connection.quit()
      return { kind: 'accepted', messageId: messageIdOf(mail.key, settings.from.address) }
    } catch (error) {
      connection.close()
      // Whatever is thrown here is of the library or of the socket beneath it.
      return answerOf(error as SmtpError, given)
    } finally {
      body.destroy()
      open.delete(connection)
    }
  }

  return {
    send: tryOnce,
    async close() {
      for (const connection of open) connection.close()
    },
  }
}

function connect({ host, port, tls, ca, timeoutMs }: SmtpSettings): SMTPConnection {
  return new SMTPConnection({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    maxResponseSize: longestReply,
  })
}

type Done = (error?: Error | null) => void

const step = async (take: (done: Done) => void): Promise<void> =>
  await new Promise<void>((resolve, reject) =>
    take((error) => (error === null || error === undefined ? resolve() : reject(error))),
  )

/** Ends with the first of: the work, a word of the connection that nothing waits for, the time. */
async function within(ms: number, connection: SMTPConnection, work: () => Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const late = Object.assign(new Error('The mail server took too long.'), { code: 'ETIMEDOUT' })
  const timer = setTimeout(() => reject(late), ms)
  connection.on('error', reject)
  // Closed from our side it says no more.
  connection.on('end', () => reject(Object.assign(new Error('The connection ended.'), { code: 'ECONNECTION' })))
  try {
    await Promise.race([work(), promise])
  } finally {
    clearTimeout(timer)
  }
}
