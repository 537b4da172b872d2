import type { Resources } from '../../../domain/resources.ts'
import type { InstancePlaces } from './places.ts'
import type { RunAs } from './record.ts'
import { systemPath, type Tools } from './tools.ts'

const mib = 1024 * 1024
const openFiles = 4_096
/** Processes and threads of an instance that has a user of its own. */
const tasks = 1_024

export interface Confinement {
  readonly tools: Tools
  readonly places: InstancePlaces
  readonly runAs: RunAs
  readonly resources: Resources
  /** Read-only directories that the command needs beside the system's own. */
  readonly readable: readonly string[]
  readonly hostname: string
}

/** The words that set limits, close the sandbox, give up every right, and then run the instance's launch script. */
export function confinedArgv(confinement: Confinement): string[] {
  return [
    ...limitsArgv(confinement),
    ...sandboxArgv(confinement),
    ...userArgv(confinement),
    '/bin/sh',
    confinement.places.launch,
  ]
}

/**
 * Limits of each process, which children inherit: no core dumps, files no larger than the disk asked for, writable memory
 * no larger than the memory asked for. They bound one process, not their sum. RLIMIT_AS is no use: JavaScript and threads
 * reserve far more than they touch. RLIMIT_NPROC counts all of a user's tasks: only for a user that is the instance's own.
 */
function limitsArgv({ tools, resources, runAs }: Confinement): string[] {
  if (tools.prlimit === null) return []
  const { memoryMib, diskMib } = resources
  return [
    tools.prlimit,
    '--core=0',
    `--nofile=${openFiles}`,
    ...(memoryMib > 0 ? [`--data=${memoryMib * mib}`] : []),
    ...(diskMib > 0 ? [`--fsize=${diskMib * mib}`] : []),
    ...(runAs.exclusive ? [`--nproc=${tasks}`] : []),
    '--',
  ]
}

const systemReadable = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
const settingsReadable = [
  'alternatives',
  'ca-certificates',
  'fonts',
  'group',
  'hosts',
  'ld.so.cache',
  'localtime',
  'mime.types',
]
  .concat(['nsswitch.conf', 'passwd', 'pki', 'protocols', 'resolv.conf', 'services', 'ssl', 'terminfo', 'timezone'])
  .map((name) => `/etc/${name}`)

/** What the sandbox shows; everything else of the machine is not there. */
export const visibleDirectories = (readable: readonly string[]): string[] => [...systemReadable, ...readable]

/**
 * Own process ids (so that everything ends with the first of them), own IPC and host name; of the machine's files only the
 * system's, read-only, and the instance's own. The network is shared. It does not die with its parent: a worker may restart.
 */
function sandboxArgv({ tools, places, readable, hostname }: Confinement): string[] {
  if (tools.bwrap === null) return []
  const readOnly = (path: string) => ['--ro-bind-try', path, path]
  return [
    tools.bwrap,
    ...['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--hostname', hostname],
    ...visibleDirectories(readable).flatMap(readOnly),
    ...settingsReadable.flatMap(readOnly),
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/run'],
    ...['--bind', places.temporary, '/tmp', '--bind', places.home, places.home],
    ...[places.secret, places.launch].flatMap((path) => ['--ro-bind', path, path]),
    // Root needs no user namespace, and keeps for one step what the next one needs to become the instance's user.
    ...(tools.asRoot ? ['SETUID', 'SETGID', 'SETPCAP'].flatMap((name) => ['--cap-add', `CAP_${name}`]) : []),
    '--',
  ]
}

function userArgv({ tools, runAs }: Confinement): string[] {
  if (tools.setpriv === null) return []
  if (!tools.asRoot) return [tools.setpriv, '--no-new-privs', '--']
  const groups = runAs.gids.length > 0 ? [`--groups=${runAs.gids.join(',')}`] : ['--clear-groups']
  return [
    tools.setpriv,
    ...[`--reuid=${runAs.uid}`, `--regid=${runAs.gid}`, ...groups],
    ...['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', '--'],
  ]
}

/** Where the instance's processes find their temporary directory. */
export const temporaryPath = (tools: Tools, places: InstancePlaces): string =>
  tools.bwrap === null ? places.temporary : '/tmp'

/**
 * The script that runs as the instance's user, in the sandbox, and becomes the command. What a caller chose of the
 * environment appears here first, so that it can't lead astray what still had rights, and stands in no argument list.
 */
export function launchScript(
  home: string,
  environment: Readonly<Record<string, string>>,
  argv: readonly string[],
): string {
  const assignments = Object.entries(environment).map(([name, value]) => quote(`${name}=${value}`))
  return [
    'umask 077',
    `cd ${quote(home)} || exit 126`,
    `exec env -i ${[...assignments, ...argv.map(quote)].join(' ')}`,
    '',
  ].join('\n')
}

/** A word that the shell takes as it is. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** The environment of the command: the instance's own words over the image's, and Carrel's over both. */
export function commandEnvironment(
  own: Readonly<Record<string, string>>,
  carrel: Readonly<Record<string, string>>,
): Record<string, string> {
  return { PATH: systemPath, LANG: 'C.UTF-8', ...own, ...carrel }
}

/** Replaces `{port}`, `{home}`, `{secretFile}`; other braces stay. */
export const fillPlaceholders = (words: readonly string[], values: Readonly<Record<string, string>>): string[] =>
  words.map((word) => word.replaceAll(/\{(port|home|secretFile)\}/g, (whole, name: string) => values[name] ?? whole))
