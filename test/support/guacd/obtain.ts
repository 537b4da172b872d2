import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withLock } from '../../../stack/lock-file.ts'

const run = promisify(execFile)

/** The packages that make a guacd with its three protocols; apt finds the libraries that they need. */
const wanted = ['guacd', 'libguac-client-vnc0', 'libguac-client-ssh0', 'libguac-client-rdp0']
/** The system's own are newer and must be taken, or nothing of it could run beside them; and what only a printer needs. */
const leftOut =
  /^(libc6|libc-bin|libcrypt1|libgcc-s1|gcc-.*|libstdc\+\+6|ghostscript|libgs9.*|fonts-urw.*|poppler-data|shared-mime-info|sensible-utils|ucf|perl-base|dpkg|debconf|tar|install-info|lsb-base|init-system-helpers)$/
const mirrors = ['http://deb.debian.org/debian', 'http://archive.debian.org/debian']
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const updateLimitMs = 3 * 60_000
const downloadLimitMs = 8 * 60_000
const wholeLimitMs = 15 * 60_000

/**
 * A guacd 1.3.0 out of Debian bullseye's packages: unpacked into `~/.cache/carrel/guacd`, not installed, and fetched
 * once (84 MB). apt checks the signatures and checksums. Answers the directory that holds `usr`.
 * @throws with what to do where it can't be had
 */
export async function obtainGuacd(say: (word: string) => void = console.error): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'carrel', 'guacd')
  const root = join(cache, '1.3.0')
  if (await exists(join(root, 'usr/sbin/guacd'))) return root
  await mkdir(cache, { recursive: true })
  const waiting = ({ pid }: { pid: number }) => say(`guacd: process ${pid} is fetching it already; waiting`)
  return withLock(join(cache, 'guacd.lock'), wholeLimitMs, waiting, async () => {
    if (await exists(join(root, 'usr/sbin/guacd'))) return root
    const scratch = await mkdtemp(join(cache, 'fetching-'))
    try {
      say('guacd: fetching it from Debian bullseye (84 MB, once)')
      await fetchInto(scratch)
      await rename(join(scratch, 'root'), root)
      return root
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
}

async function fetchInto(scratch: string): Promise<void> {
  const failures: string[] = []
  for (const mirror of mirrors) {
    try {
      const config = await privateApt(scratch, mirror)
      await apt(config, ['update'], updateLimitMs, scratch)
      const { stdout } = await apt(config, ['install', '--print-uris', '-y', '-qq', ...wanted], 60_000, scratch)
      const packages = packagesIn(stdout)
      if (!packages.some((name) => name.startsWith('guacd='))) throw new Error('the mirror has no guacd')
      await apt(config, ['download', ...packages], downloadLimitMs, scratch)
      return await unpack(scratch)
    } catch (error) {
      failures.push(`${mirror}: ${error instanceof Error ? lastLine(error.message) : 'it failed'}`)
    }
  }
  throw new Error(
    `There is no guacd for the tests. ${failures.join('; ')}. It needs apt-get and dpkg-deb (Debian or Ubuntu), the package debian-archive-keyring, and a mirror of Debian.`,
  )
}

/** An apt whose lists, cache and sources are its own; the machine's proxies stay in force. */
async function privateApt(scratch: string, mirror: string): Promise<string> {
  const state = join(scratch, 'apt')
  await rm(state, { recursive: true, force: true })
  for (const directory of ['state/lists/partial', 'cache/archives/partial', 'preferences.d'])
    await mkdir(join(state, directory), { recursive: true })
  await writeFile(join(state, 'status'), '')
  await writeFile(join(state, 'sources.list'), `deb [signed-by=${keyring}] ${mirror} bullseye main\n`)
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
function packagesIn(uris: string): string[] {
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
