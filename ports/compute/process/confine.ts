import type { Resources } from '../../../domain/resources.ts'
import type { InstancePlaces } from './places.ts'
import type { RunAs } from './record.ts'
import type { Tools } from './tools.ts'

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
    insideOf(confinement.tools, confinement.places).launch,
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
const settingsReadable = `alternatives ca-certificates fonts group hosts ld.so.cache localtime mime.types nsswitch.conf
  passwd pki protocols resolv.conf services ssl terminfo timezone`
  .split(/\s+/)
  .map((name) => `/etc/${name}`)

/** What the sandbox shows; everything else of the machine is not there. */
export const visibleDirectories = (readable: readonly string[]): string[] => [...systemReadable, ...readable]

/**
 * Own process ids (so that everything ends with the first of them), own IPC and host name; of the machine's files only the
 * system's, read-only, and the instance's own. The network is shared. It does not die with its parent: a worker may restart.
 */
function sandboxArgv({ tools, places, readable, hostname }: Confinement): string[] {
  if (tools.bwrap === null) return []
  const inside = insideOf(tools, places)
  const readOnly = (path: string) => ['--ro-bind-try', path, path]
  return [
    tools.bwrap,
    ...['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--hostname', hostname],
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/run', '--bind', places.temporary, inside.temporary],
    // Made on the way to something, a directory would be private to root.
    ...['/run/carrel', '/home', '/etc', ...readable.flatMap(waysTo)].flatMap((path) => [
      '--perms',
      '0755',
      '--dir',
      path,
    ]),
    ...visibleDirectories(readable).flatMap(readOnly),
    ...settingsReadable.flatMap(readOnly),
    ...['--bind', places.home, inside.home],
    ...['--ro-bind', places.secret, inside.secret, '--ro-bind', places.launch, inside.launch],
    // Root needs no user namespace, and keeps for one step what the next one needs to become the instance's user.
    ...(tools.asRoot ? ['SETUID', 'SETGID', 'SETPCAP'].flatMap((name) => ['--cap-add', `CAP_${name}`]) : []),
    '--',
  ]
}

/** The directories above a path, outermost first. */
const waysTo = (path: string): string[] =>
  path
    .split('/')
    .slice(1, -1)
    .map((_, i, parts) => `/${parts.slice(0, i + 1).join('/')}`)

/** Where the instance's own processes find what is theirs. */
export function insideOf(tools: Pick<Tools, 'bwrap'>, places: InstancePlaces): Inside {
  if (tools.bwrap === null) return places
  return { home: '/home/session', temporary: '/tmp', secret: '/run/carrel/secret', launch: '/run/carrel/launch' }
}
export type Inside = Pick<InstancePlaces, 'home' | 'temporary' | 'secret' | 'launch'>

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
