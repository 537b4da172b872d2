import { execFile } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'

/** What stands before Carrel and speaks TLS, as a reverse proxy does; it notes how each request was answered. */
export interface TlsFront {
  readonly port: number
  /** What Chromium is started with, so that it comes here for these names and trusts what it finds. */
  readonly browserArguments: readonly string[]
  /** Method and status of each request whose target holds the text, in the order of the answers. */
  answers(text: string): readonly string[]
  close(): Promise<void>
}

const run = promisify(execFile)

/** `behind`: the port on this machine by what a name ends with. */
export async function startTlsFront(behind: Readonly<Record<string, number>>): Promise<TlsFront> {
  const { key, cert } = await certificateFor(Object.keys(behind))
  const noted: { readonly target: string; readonly answer: string }[] = []
  const server = createServer({ key, cert }, (browser) => {
    // A browser says which name it wants the certificate of.
    const port = Object.entries(behind).find(([name]) => String(browser.servername).endsWith(name))?.[1]
    if (port === undefined) {
      browser.destroy()
      return
    }
    const asked: { method: string; target: string }[] = []
    const upstream = connect(port, '127.0.0.1')
    browser.on('data', (chunk) => {
      const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n/.exec(chunk.toString('latin1')) ?? []
      if (method !== undefined && target !== undefined) asked.push({ method, target })
    })
    upstream.on('data', (chunk) => {
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(chunk.toString('latin1')) ?? []
      if (status === undefined) return
      const one = asked.shift()
      if (one !== undefined) noted.push({ target: one.target, answer: `${one.method} ${status}` })
    })
    browser.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
    upstream.on('error', () => browser.destroy()).on('close', () => browser.destroy())
    browser.pipe(upstream).pipe(browser)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo
  const publicKey = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })
  const rules = Object.keys(behind).flatMap((name) => [
    `MAP ${name} 127.0.0.1:${port}`,
    `MAP *.${name} 127.0.0.1:${port}`,
  ])
  return {
    port,
    browserArguments: [
      `--host-resolver-rules=${rules.join(',')}`,
      `--ignore-certificate-errors-spki-list=${createHash('sha256').update(publicKey).digest('base64')}`,
    ],
    answers: (text) => noted.filter(({ target }) => target.includes(text)).map(({ answer }) => answer),
    close: async () => void server.close(),
  }
}

async function certificateFor(names: readonly string[]): Promise<{ key: Buffer; cert: Buffer }> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-tls-'))
  try {
    const alternatives = names.flatMap((name) => [`DNS:${name}`, `DNS:*.${name}`]).join(',')
    const made = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=test',
    ]
    const files = ['-keyout', 'key.pem', '-out', 'cert.pem', '-addext', `subjectAltName=${alternatives}`]
    await run('openssl', ['req', '-x509', ...made, ...files], { cwd: directory, timeout: 20_000 })
    return { key: await readFile(join(directory, 'key.pem')), cert: await readFile(join(directory, 'cert.pem')) }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
