import { lstat } from 'node:fs/promises'
import { posix } from 'node:path'
import type { MountSpec } from '../provider.ts'
import type { DockerSettings } from './settings.ts'

type HostMount = Extract<MountSpec, { readonly hostPath: string }>

export type CheckedMounts =
  | { readonly kind: 'checked'; readonly mounts: readonly HostMount[] }
  | { readonly kind: 'refused'; readonly why: string }

/** Whether it names a directory of the daemon's machine. */
export const isDirectory = (mount: MountSpec): mount is HostMount => 'hostPath' in mount

/**
 * Lets through only directories that nobody but root can put something else in the place of, named by a path without
 * links: what the daemon mounts later is what stands there now.
 */
export async function checkMounts(
  mounts: readonly MountSpec[],
  settings: Pick<DockerSettings, 'dockerHost' | 'mountCheck' | 'mountRoots'>,
): Promise<CheckedMounts> {
  const how = settings.mountCheck ?? (settings.dockerHost.startsWith('unix:') ? 'parents' : 'roots')
  const checked: HostMount[] = []
  for (const mount of mounts) {
    if (!isDirectory(mount))
      return { kind: 'refused', why: `a volume, and this provider mounts directories alone: ${mount.target}` }
    const path = how === 'parents' ? await safePath(mount.hostPath) : underRoot(mount.hostPath, settings.mountRoots)
    if (path === null) return { kind: 'refused', why: `not a directory that only root can replace: ${mount.hostPath}` }
    if (how === 'parents' && settings.mountRoots.length > 0 && !settings.mountRoots.some((r) => isBelow(r, path)))
      return { kind: 'refused', why: `not below a mount root: ${mount.hostPath}` }
    checked.push({ ...mount, hostPath: path })
  }
  return { kind: 'checked', mounts: checked }
}

/** The path, if there is no link in it, each directory above it belongs to root, and nobody else may write there. */
async function safePath(hostPath: string): Promise<string | null> {
  if (!posix.isAbsolute(hostPath) || posix.normalize(hostPath) !== hostPath || hostPath.endsWith('/')) return null
  try {
    // From the top down: what was found safe cannot change while the rest is looked at.
    for (const above of directoriesAbove(hostPath)) {
      const found = await lstat(above)
      if (!found.isDirectory() || found.uid !== 0 || (found.mode & 0o022) !== 0) return null
    }
    return (await lstat(hostPath)).isDirectory() ? hostPath : null
  } catch {
    return null
  }
}

/** `/a/b/c` → `/`, `/a`, `/a/b`. */
const directoriesAbove = (path: string): string[] =>
  path
    .split('/')
    .slice(0, -1)
    .map((_, i, parts) => parts.slice(0, i + 1).join('/') || '/')

/** On another machine nothing can be looked at: a root itself, or what stands directly in one, which only root can change. */
function underRoot(hostPath: string, roots: readonly string[]): string | null {
  const clean = posix.normalize(hostPath) === hostPath && !hostPath.includes('\0')
  return clean && (roots.includes(hostPath) || roots.includes(posix.dirname(hostPath))) ? hostPath : null
}

const isBelow = (root: string, path: string) => path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`)
