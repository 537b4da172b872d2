import type { MountSource, Volume } from './volumes.ts'

/** Where a tree of the site's data lies at one provider. */
export interface DataRoot {
  /** As paths in experiments begin: `/data/visitor`. */
  readonly path: string
  readonly source: MountSource
}

const segment = /^[^/\0]{1,255}$/

/** Where in a session data may be mounted: an absolute path of plain names. */
export const mountTarget = /^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/

/** Whether the path is absolute and in its shortest form: nothing in it leads out of where it seems to lie. */
export function isPlainPath(path: string): boolean {
  if (!path.startsWith('/') || path.length > 1_000) return false
  return path
    .slice(1)
    .split('/')
    .every((part) => segment.test(part) && part !== '.' && part !== '..' && !/\p{Cc}/u.test(part))
}

/** The path below the root; `null`: it is not below it. A root itself is nobody's data. */
function below(path: string, root: string): string | null {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : null
}

/** Whether the path lies below one of the roots. */
export const isUnderRoots = (path: string, roots: readonly string[]): boolean =>
  isPlainPath(path) && roots.some((root) => below(path, root) !== null)

/** What is mounted for the path, by the longest root above it; `null`: there is none. */
export function locateData(path: string, roots: readonly DataRoot[]): MountSource | null {
  if (!isPlainPath(path)) return null
  const [nearest] = roots
    .filter((root) => below(path, root.path) !== null)
    .sort((a, b) => b.path.length - a.path.length)
  if (nearest === undefined) return null
  const rest = below(path, nearest.path) ?? ''
  const { source } = nearest
  if ('hostPath' in source) return { hostPath: `${source.hostPath}/${rest}` }
  const volume = inVolume(source.volume, rest)
  return volume === null ? null : { volume }
}

function inVolume(volume: Volume, rest: string): Volume | null {
  switch (volume.kind) {
    case 'claim':
      return { ...volume, subPath: volume.subPath === undefined ? rest : `${volume.subPath}/${rest}` }
    case 'nfs':
      return { ...volume, path: `${volume.path.replace(/\/$/, '')}/${rest}` }
    // Nobody knows how such a driver names a part of what it makes.
    case 'csi':
      return null
    default:
      return volume satisfies never
  }
}
