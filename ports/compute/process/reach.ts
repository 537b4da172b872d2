import { accessSync, constants, lstatSync, readlinkSync, realpathSync, statSync, type Stats } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { RunAs } from './record.ts'
import type { Tools } from './tools.ts'
import { visibleDirectories } from './confine.ts'

/** Why the program can't be run by the instance's user; `null` if it can. */
export function unreachable(path: string, runAs: RunAs, tools: Tools, readable: readonly string[]): string | null {
  try {
    if (!statSync(path).isFile()) return `${path} is not a file`
    if (tools.bwrap !== null) return hiddenInSandbox(path, readable)
    if (!tools.asRoot) return (accessSync(path, constants.X_OK), null)
  } catch {
    return `${path} is not there or may not be executed`
  }
  const barred = barredStep(path, runAs)
  return barred === null ? null : `user ${runAs.uid} may not go through ${barred} on the way to ${path}`
}

function hiddenInSandbox(path: string, readable: readonly string[]): string | null {
  const visible = visibleDirectories(readable)
  const hidden = linksOf(path).find((step) => !visible.some((directory) => step.startsWith(`${directory}/`)))
  return hidden === undefined ? null : `${hidden} is outside what the sandbox shows: name its directory in "readable"`
}

/** The first directory or file on the way, links followed, that the user may not pass; `null` if the way is free. */
export function barredStep(path: string, user: Pick<RunAs, 'uid' | 'gid' | 'gids'>): string | null {
  const steps = new Set([...linksOf(path), realpathSync(path)].flatMap(ancestors))
  return [...steps].find((step) => !mayPass(statSync(step), user)) ?? null
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

function mayPass(stats: Stats, { uid, gid, gids }: Pick<RunAs, 'uid' | 'gid' | 'gids'>): boolean {
  const bit = stats.uid === uid ? 0o100 : stats.gid === gid || gids.includes(stats.gid) ? 0o010 : 0o001
  return (stats.mode & bit) !== 0
}
