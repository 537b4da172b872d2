import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withLock } from '../../stack/lock-file.ts'

const run = promisify(execFile)

/** What is to be had of Debian, unpacked beside the system's own. */
export interface DebianPackages {
  /** As its directory is called, and people. */
  readonly name: string
  readonly version: string
  /** Debian's release; keep to one, or what is unpacked does not fit together. */
  readonly suite: 'bullseye' | 'bookworm'
  /** The packages; apt finds the libraries that they need. */
  readonly wanted: readonly string[]
  /** The system's own, which must be taken, or nothing of it could run beside them; and what is not needed. */
  readonly leftOut: RegExp
  /** A file of it: where that is, it was fetched. */
  readonly proof: string
  /** As people are told what comes. */
  readonly size: string
}

const mirrors = ['http://deb.debian.org/debian', 'http://archive.debian.org/debian']
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const updateLimitMs = 3 * 60_000
const downloadLimitMs = 8 * 60_000
const wholeLimitMs = 15 * 60_000

/**
 * Packages of Debian, unpacked into `~/.cache/carrel/<name>`, not installed, and fetched once. apt checks the signatures and
 * checksums. Answers the directory that holds `usr`.
 * @throws with what to do where they can't be had
 */
export async function obtainPackages(
  packages: DebianPackages,
  say: (word: string) => void = console.error,
): Promise<string> {
  const { name, version, proof, suite, size } = packages
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'carrel', name)
  const root = join(cache, version)
  if (await exists(join(root, proof))) return root
  await mkdir(cache, { recursive: true })
  const waiting = ({ pid }: { pid: number }) => say(`${name}: process ${pid} is fetching it already; waiting`)
  return withLock(join(cache, `${name}.lock`), wholeLimitMs, waiting, async () => {
    if (await exists(join(root, proof))) return root
    const scratch = await mkdtemp(join(cache, 'fetching-'))
    try {
      say(`${name}: fetching it from Debian ${suite} (${size}, once)`)
      await fetchInto(scratch, packages)
      await rename(join(scratch, 'root'), root)
      return root
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
}

async function fetchInto(scratch: string, packages: DebianPackages): Promise<void> {
  const { name, suite, wanted, leftOut } = packages
  const failures: string[] = []
  for (const mirror of mirrors) {
    try {
      const config = await privateApt(scratch, mirror, suite)
      await apt(config, ['update'], updateLimitMs, scratch)
      const { stdout } = await apt(config, ['install', '--print-uris', '-y', '-qq', ...wanted], 60_000, scratch)
      const found = packagesIn(stdout, leftOut)
      if (!wanted.every((one) => found.some((line) => line.startsWith(`${one}=`))))
        throw new Error(`the mirror has no ${name}`)
      await apt(config, ['download', ...found], downloadLimitMs, scratch)
      return await unpack(scratch)
    } catch (error) {
      failures.push(`${mirror}: ${error instanceof Error ? lastLine(error.message) : 'it failed'}`)
    }
  }
  throw new Error(
    `There is no ${name} for the tests. ${failures.join('; ')}. It needs apt-get and dpkg-deb (Debian or Ubuntu), the package debian-archive-keyring, and a mirror of Debian.`,
  )
}

/** An apt whose lists, cache and sources are its own; the machine's proxies stay in force. */
async function privateApt(scratch: string, mirror: string, suite: string): Promise<string> {
  const state = join(scratch, 'apt')
  await rm(state, { recursive: true, force: true })
  for (const directory of ['state/lists/partial', 'cache/archives/partial', 'preferences.d'])
    await mkdir(join(state, directory), { recursive: true })
  await writeFile(join(state, 'status'), '')
  await writeFile(join(state, 'sources.list'), `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`)
  const config = join(state, 'apt.conf')
  const places = {
    'Dir::State': join(state, 'state'),
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': join(state, 'cache'),
    'Dir::Etc::sourcelist': join(state, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::Etc::preferences': '-',
    'Dir::Etc::preferencesparts': join(state, 'preferences.d'),
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': 'root',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
    'Acquire::Languages': 'none',
  }
  const lines = Object.entries(places).map(([name, value]) => `${name} "${value}";`)
  await writeFile(config, `${lines.join('\n')}\n`)
  return config
}

function apt(config: string, args: readonly string[], timeout: number, cwd: string) {
  const env = { ...process.env, APT_CONFIG: config, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }
  return run('apt-get', [...args], { env, cwd, timeout, killSignal: 'SIGKILL', maxBuffer: 8 * 1024 * 1024 })
}

/** `name=version` of every package in apt's list of addresses, but those that the system brings. */
function packagesIn(uris: string, leftOut: RegExp): string[] {
  return [...uris.matchAll(/ ([a-z0-9][a-z0-9+.-]*)_([^_\s]+)_[a-z0-9]+\.deb /g)].flatMap(([, name, version]) =>
    name === undefined || version === undefined || leftOut.test(name) ? [] : [`${name}=${decodeURIComponent(version)}`],
  )
}

async function unpack(scratch: string): Promise<void> {
  const root = join(scratch, 'root')
  await mkdir(root)
  const archives = (await readdir(scratch)).filter((file) => file.endsWith('.deb'))
  for (const archive of archives)
    await run('dpkg-deb', ['-x', join(scratch, archive), root], { timeout: 60_000, killSignal: 'SIGKILL' })
  for (const bulk of ['usr/share/doc', 'usr/share/locale', 'usr/share/man', 'usr/share/icons'])
    await rm(join(root, bulk), { recursive: true, force: true })
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 300) ?? ''

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
