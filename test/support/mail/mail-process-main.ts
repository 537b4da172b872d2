import { appendFileSync } from 'node:fs'
import { SMTPServer } from 'smtp-server'

/** A mail server as a process of its own: keeps what it is given in a file, and answers a moment later. Arguments: port, file. */
const [port = '', file = ''] = process.argv.slice(2)
const answerAfterMs = 40

const server = new SMTPServer({
  disabledCommands: ['STARTTLS', 'AUTH'],
  authOptional: true,
  disableReverseLookup: true,
  logger: false,
  onData(stream, _session, done) {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      appendFileSync(file, `${Buffer.concat(chunks).toString('base64')}\n`)
      setTimeout(() => done(), answerAfterMs)
    })
  },
})
server.on('error', () => {})
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'))
