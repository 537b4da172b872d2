import { accessSync, constants, lstatSync, readlinkSync, realpathSync, statSync, type Stats } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { visibleDirectories } from './confine.ts'
import type { RunAs } from './record.ts'
import type { Tools } from './tools.ts'

export type User = Pick<RunAs, 'uid' | 'gid' | 'gids'>

/** Why the instance's user can't run the program, or can't read what it needs, where the instance will be; `null` if it can. */
export function unreachable(
  program: string,
  readable: readonly string[],
  user: User,
  tools: Pick<Tools, 'bwrap' | 'asRoot'>,
): string | null {
  try {
    if (!statSync(program).isFile()) return `${program} is not a file`
    const shown = tools.bwrap === null ? null : visibleDirectories(readable)
    const hidden = shown === null ? null : hiddenStep(program, shown)
    if (hidden !== null) return `${hidden} is outside what the sandbox shows; its directory belongs in "readable"`
    if (!tools.asRoot) return (accessSync(program, constants.X_OK), null)
    for (const path of [program, ...readable]) {
      const barred = barredStep(path, user, shown ?? [])
      if (barred !== null) return `user ${user.uid} may not pass ${barred} on the way to ${path}`
    }
    return null
  } catch {
    return `${program}, or what it needs, is not there or may not be executed`
  }
}

/** The first link on the way that leads out of the shown directories; `null` if none does. */
function hiddenStep(path: string, shown: readonly string[]): string | null {
  return linksOf(path).find((step) => !shown.some((directory) => step.startsWith(`${directory}/`))) ?? null
}

/**
 * The first directory or file on the way, links followed, that the user may not pass; `null` if the way is free. The
 * sandbox itself makes the way to the directories that it shows.
 */
export function barredStep(path: string, user: User, shown: readonly string[] = []): string | null {
  const steps = new Set([...linksOf(path), realpathSync(path)].flatMap(ancestors))
  const made = (step: string) => shown.some((directory) => directory.startsWith(step === '/' ? step : `${step}/`))
  return [...steps].find((step) => !made(step) && !mayPass(statSync(step), user)) ?? null
}

/** The path and, where it is a link, what it leads to, one by one. */
function linksOf(path: string): string[] {
  const chain = [path]
  for (let at = path; lstatSync(at).isSymbolicLink() && chain.length < 40;) {
    const target = readlinkSync(at)
    at = isAbsolute(target) ? target : resolve(dirname(at), target)
    chain.push(at)
  }
  return chain
}

const ancestors = (path: string): string[] => (path === '/' ? [path] : [...ancestors(dirname(path)), path])

/** Directories are passed and programs run by their execute bit; what nobody may run is there to be read. */
function mayPass(stats: Stats, { uid, gid, gids }: User): boolean {
  const wanted = (stats.mode & 0o111) !== 0 ? 0o1 : 0o4
  const shift = stats.uid === uid ? 6 : stats.gid === gid || gids.includes(stats.gid) ? 3 : 0
  return ((stats.mode >> shift) & wanted) !== 0
}
