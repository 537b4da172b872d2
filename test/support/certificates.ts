import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** PEM, all of it. */
export interface ServerCertificate {
  readonly ca: string
  readonly key: string
  readonly cert: string
}

const run = promisify(execFile)

/** A certificate authority of its own and what it signed for these names (`IP:127.0.0.1`, `DNS:localhost`), for a day. */
export async function makeServerCertificate(
  names: readonly string[] = ['IP:127.0.0.1', 'DNS:localhost'],
): Promise<ServerCertificate> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-certificate-'))
  const openssl = (...words: string[]) =>
    run('openssl', ['req', '-x509', ...words], { cwd: directory, timeout: 20_000 })
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  const read = (name: string) => readFile(join(directory, name), 'utf8')
  try {
    await openssl(...fresh, '-subj', '/CN=test authority', '-keyout', 'ca-key.pem', '-out', 'ca.pem')
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-addext', `subjectAltName=${names.join(',')}`]
    const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE']
    await openssl(...fresh, ...signed, ...leaf, '-subj', '/CN=test server', '-keyout', 'key.pem', '-out', 'cert.pem')
    return { ca: await read('ca.pem'), key: await read('key.pem'), cert: await read('cert.pem') }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
