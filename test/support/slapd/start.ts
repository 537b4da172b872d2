import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'ldapts'
import { startChild } from '../../../stack/child.ts'
import { freePort } from '../../../stack/ports.ts'
import { makeServerCertificate } from '../certificates.ts'
import { answering, libraries, outlive } from '../guacd/start.ts'
import { obtainSlapd } from './obtain.ts'

/** An entry: its name, and its attributes. */
export type LdapEntry = readonly [dn: string, attributes: Readonly<Record<string, string | string[]>>]

export interface Slapd {
  readonly plainUrl: string
  readonly secureUrl: string
  /** PEM of who signed its certificate. */
  readonly ca: string
  readonly root: { readonly dn: string; readonly password: string }
  /** Stops answering, and keeps its connections: a process that hangs. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

export const suffix = 'dc=example,dc=org'
const root = { dn: `cn=admin,${suffix}`, password: 'a password of the directory' }

/** A real slapd on loopback with these entries below `suffix`, for whoever binds: nobody else reads anything. It ends with this process. */
export async function startSlapd(entries: readonly LdapEntry[]): Promise<Slapd> {
  for (let tries = 1; ; tries++)
    try {
      return await tryToStart(entries)
    } catch (error) {
      // Somebody else may have been given one of its ports meanwhile.
      if (tries === 3) throw error
    }
}

async function tryToStart(entries: readonly LdapEntry[]): Promise<Slapd> {
  const home = await obtainSlapd()
  const directory = await mkdtemp(join(tmpdir(), 'carrel-slapd-'))
  const certificate = await makeServerCertificate()
  await mkdir(join(directory, 'data'))
  for (const name of ['ca', 'cert', 'key'] as const)
    await writeFile(join(directory, `${name}.pem`), certificate[name], { mode: 0o600 })
  await writeFile(join(directory, 'slapd.conf'), configuration(home, directory))
  const [plain, secure] = [await freePort(), await freePort()]
  const lines: string[] = []
  const child = await startChild({
    name: 'slapd',
    command: join(home, 'usr/sbin/slapd'),
    args: [
      ...['-d', 'config', '-f', join(directory, 'slapd.conf')],
      ...['-h', `ldap://127.0.0.1:${plain}/ ldaps://127.0.0.1:${secure}/`],
    ],
    env: { ...process.env, LD_LIBRARY_PATH: (await libraries(home)).join(':') },
    onLine: (line) => {
      lines.push(line)
      if (lines.length > 200) lines.shift()
    },
  })
  outlive(child)
  await answering(secure, child, () => lines.join('\n'))
  const plainUrl = `ldap://127.0.0.1:${plain}`
  await fill(plainUrl, entries)
  return {
    plainUrl,
    secureUrl: `ldaps://127.0.0.1:${secure}`,
    ca: certificate.ca,
    root,
    freeze: () => void process.kill(child.pid, 'SIGSTOP'),
    thaw: () => void process.kill(child.pid, 'SIGCONT'),
    stop: async () => {
      await child.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

const configuration = (home: string, directory: string): string =>
  [
    ...['core', 'cosine', 'nis', 'inetorgperson'].map((name) => `include ${home}/etc/ldap/schema/${name}.schema`),
    `modulepath ${home}/usr/lib/ldap`,
    'moduleload back_mdb',
    `pidfile ${directory}/slapd.pid`,
    `TLSCACertificateFile ${directory}/ca.pem`,
    `TLSCertificateFile ${directory}/cert.pem`,
    `TLSCertificateKeyFile ${directory}/key.pem`,
    'access to * by users read by anonymous auth',
    'database mdb',
    'maxsize 10485760',
    // Nobody needs it after a crash.
    'dbnosync',
    `suffix "${suffix}"`,
    `rootdn "${root.dn}"`,
    `rootpw "${root.password}"`,
    `directory ${directory}/data`,
    '',
  ].join('\n')

async function fill(url: string, entries: readonly LdapEntry[]): Promise<void> {
  const client = new Client({ url, timeout: 10_000 })
  await client.bind(root.dn, root.password)
  await client.add(suffix, { objectClass: ['dcObject', 'organization'], dc: 'example', o: 'Example' })
  for (const unit of ['people', 'groups'])
    await client.add(`ou=${unit},${suffix}`, { objectClass: 'organizationalUnit', ou: unit })
  for (const [dn, attributes] of entries) await client.add(`${dn},${suffix}`, { ...attributes })
  await client.unbind()
}
