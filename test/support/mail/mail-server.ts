import { once } from 'node:events'
import { simpleParser } from 'mailparser'
import type { ParsedMail } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerOptions } from 'smtp-server'

/** A mail as it arrived. */
export interface Caught {
  readonly from: string
  readonly to: readonly string[]
  readonly replyTo: string | null
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly messageId: string
  readonly raw: string
  readonly headers: ParsedMail['headers']
}

export interface MailServer {
  readonly host: string
  readonly port: number
  /** What was taken since the start, in order; also what the sender was never told of. */
  readonly caught: readonly Caught[]
  /** Nobody has this mailbox. */
  refuse(address: string): void
  /** The next so many recipients are told to come again. */
  defer(times: number): void
  /** The next mail is taken, and the connection broken before anybody says so. */
  loseNextAnswer(): void
  /** Answers the next recipients so. */
  answerRecipients(code: number, text: string): void
  /** No more of that. */
  relent(): void
  /** Greets nobody any more, or again. */
  hang(on: boolean): void
  /** Away: connections are refused. */
  stop(): Promise<void>
  /** Back, at the same port. */
  start(): Promise<void>
  close(): Promise<void>
}

interface Options {
  readonly tls?: 'implicit' | 'starttls' | 'none'
  readonly certificate?: { readonly key: string; readonly cert: string }
  readonly auth?: { readonly user: string; readonly password: string }
}

/** Below those that the system gives to connections: while this server is away, nobody else is given it. */
const portThatStays = () => 20_000 + Math.floor(Math.random() * 12_000)

const smtpError = (code: number, text: string) => Object.assign(new Error(text), { responseCode: code })

/** A real mail server on loopback that keeps what it is given. */
export async function startMailServer({ tls = 'none', certificate, auth }: Options = {}): Promise<MailServer> {
  const caught: Caught[] = []
  const unknown = new Set<string>()
  let deferred = 0
  let lost = 0
  let hanging = false
  let recipients: { readonly code: number; readonly text: string } | null = null
  let server: SMTPServer | null = null
  let port = 0

  const options: SMTPServerOptions = {
    secure: tls === 'implicit',
    disabledCommands: [...(tls === 'starttls' ? [] : ['STARTTLS']), ...(auth === undefined ? ['AUTH'] : [])],
    ...(certificate === undefined ? {} : { key: certificate.key, cert: certificate.cert }),
    authOptional: auth === undefined,
    allowInsecureAuth: true,
    closeTimeout: 100,
    disableReverseLookup: true,
    logger: false,
    onAuth({ username, password }, _session, done) {
      if (username === auth?.user && password === auth?.password) done(null, { user: username })
      else done(smtpError(535, '5.7.8 no'))
    },
    onConnect(_session, done) {
      if (!hanging) done()
    },
    onRcptTo({ address }, _session, done) {
      if (recipients !== null) return done(smtpError(recipients.code, recipients.text))
      if (deferred > 0) {
        deferred -= 1
        return done(smtpError(451, '4.7.1 come again'))
      }
      done(unknown.has(address) ? smtpError(550, '5.1.1 nobody of that name') : undefined)
    },
    onData(stream, _session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks)
        void take(raw, done)
      })
    },
  }
  const take = async (raw: Buffer, answer: () => void) => {
    caught.push(await readMail(raw))
    if (lost === 0) return answer()
    lost -= 1
    // Taken, and not a word: the connection is gone.
    breakAll()
  }
  const breakAll = () => {
    // `connections` is what the server itself closes at its end; its type leaves it out.
    const { connections } = server as unknown as { readonly connections: Set<{ _socket: { destroy(): void } }> }
    for (const { _socket: socket } of connections) socket.destroy()
  }
  const start = async () => {
    for (let tries = 1; ; tries++) {
      const at = port === 0 ? portThatStays() : port
      server = new SMTPServer(options)
      server.on('error', () => {})
      server.listen(at, '127.0.0.1')
      try {
        await once(server.server, 'listening')
        port = at
        return
      } catch (error) {
        if (port !== 0 || tries === 20) throw error
      }
    }
  }
  const stop = async () => {
    const ending = server
    server = null
    if (ending !== null) await new Promise<void>((resolve) => ending.close(() => resolve()))
  }
  await start()
  return {
    host: '127.0.0.1',
    get port() {
      return port
    },
    caught,
    refuse: (address) => void unknown.add(address),
    defer(times) {
      deferred = times
    },
    loseNextAnswer() {
      lost += 1
    },
    answerRecipients(code, text) {
      recipients = { code, text }
    },
    relent() {
      recipients = null
      deferred = 0
    },
    hang(on) {
      hanging = on
    },
    stop,
    start,
    close: stop,
  }
}

/** A mail of its bytes. */
export async function readMail(raw: Buffer): Promise<Caught> {
  const mail = await simpleParser(raw)
  const addresses = (list: ParsedMail['to']) =>
    [list ?? []].flat().flatMap(({ value }) => value.map(({ address = '' }) => address))
  return {
    from: mail.from?.text ?? '',
    to: addresses(mail.to),
    replyTo: mail.replyTo?.text ?? null,
    subject: mail.subject ?? '',
    text: mail.text ?? '',
    html: typeof mail.html === 'string' ? mail.html : '',
    messageId: mail.messageId ?? '',
    raw: raw.toString(),
    headers: mail.headers,
  }
}

/** The link to an invitation that a mail holds. Throws where there is none. */
export function linkIn(mail: Pick<Caught, 'text'>): string {
  const found = /https?:\/\/\S+#carrel_invitation_[A-Za-z0-9_-]+/.exec(mail.text)?.[0]
  if (found === undefined) throw new Error('There is no link in this mail.')
  return found
}
