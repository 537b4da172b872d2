import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

const systemDirectories = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin']
export const systemPath = systemDirectories.slice(0, 3).join(':')
/** All that the driver's own tools get to see of an environment. */
export const systemEnvironment = { PATH: systemDirectories.join(':'), LANG: 'C.UTF-8' }

/** The path of a program in the system's own directories; `null` if there is none. */
export function findProgram(name: string): string | null {
  return systemDirectories.map((directory) => join(directory, name)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What this machine offers to confine a process with. `bwrap` is there only if it really works here. */
export interface Tools {
  readonly prlimit: string | null
  readonly setpriv: string | null
  readonly bwrap: string | null
  readonly asRoot: boolean
}

/** Looks for the tools; tries `bwrap` once, as many systems forbid what it needs. Throws, saying what is missing, where the driver can't work. */
export function findTools(bwrap: 'auto' | 'off' | 'required'): Tools {
  if (process.platform !== 'linux')
    throw new Error(`The process provider needs Linux (it reads /proc); this is ${process.platform}.`)
  const asRoot = process.getuid?.() === 0
  const tools = { prlimit: findProgram('prlimit'), setpriv: findProgram('setpriv'), asRoot }
  if (findProgram('flock') === null) throw new Error('The process provider needs flock, of util-linux.')
  if (asRoot && tools.setpriv === null)
    throw new Error(
      'The process provider runs nothing as root and needs setpriv, of util-linux, to become somebody else.',
    )
  const found = bwrap === 'off' ? null : findProgram('bwrap')
  const working = found !== null && bwrapWorks(found) ? found : null
  if (bwrap === 'required' && working === null)
    throw new Error(
      found === null
        ? 'bwrap is required and not installed.'
        : 'bwrap is required and does not work here: user namespaces may be forbidden.',
    )
  return { ...tools, bwrap: working }
}

function bwrapWorks(bwrap: string): boolean {
  const args = [
    '--ro-bind',
    '/',
    '/',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
  ]
  const tried = spawnSync(bwrap, [...args, '/bin/sh', '-c', 'exit 0'], {
    timeout: 5_000,
    stdio: 'ignore',
    env: systemEnvironment,
  })
  return tried.status === 0
}
