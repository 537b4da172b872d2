import { posix } from 'node:path'
import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import type { InstanceSpec, MountSpec } from '../provider.ts'

export interface Mounted {
  readonly volumes: V1Volume[]
  readonly mounts: V1VolumeMount[]
}

/** Where a session finds its secret; the path stands in its environment as `CARREL_SECRET_FILE`. */
export const secretDirectory = '/run/carrel'

/** Places of an image that say who is who and what is trusted: nothing may be mounted there or above. */
const protectedTargets = ['/etc', '/proc', '/sys', '/dev', secretDirectory, '/usr', '/bin', '/sbin', '/lib', '/lib64']

export function isMountTarget(target: string): boolean {
  if (!posix.isAbsolute(target) || posix.normalize(target) !== target) return false
  if (target.endsWith('/') || target.includes('\0') || target.includes(':')) return false
  const below = (outer: string, inner: string) => inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)
  return !protectedTargets.some((place) => below(place, target) || below(target, place))
}

/** What is mounted: the secret's files, the session's own workspace, and the storage sources. */
export function mountedIn(spec: InstanceSpec, object: string): Mounted {
  const files = ['secret', ...(spec.report === null ? [] : ['report-token'])]
  const secret: V1Volume = {
    name: 'carrel',
    // Whoever the session runs as reads it; nobody else is in there.
    secret: { secretName: object, defaultMode: 0o444, items: files.map((key) => ({ key, path: key })) },
  }
  const own = spec.terms.kubernetes?.workspace
  const workspace: V1Volume = { name: 'workspace', persistentVolumeClaim: { claimName: object } }
  return {
    volumes: [
      secret,
      ...(own === undefined ? [] : [workspace]),
      ...spec.mounts.map((mount, n) => ({ name: `mount-${n}`, ...sourceOf(mount) })),
    ],
    mounts: [
      { name: secret.name, mountPath: secretDirectory, readOnly: true },
      ...(own === undefined ? [] : [{ name: workspace.name, mountPath: own.target }]),
      ...spec.mounts.map((mount, n) => ({
        name: `mount-${n}`,
        mountPath: mount.target,
        readOnly: mount.mode === 'ro',
        ...subPathOf(mount),
      })),
    ],
  }
}

function sourceOf(mount: MountSpec): Omit<V1Volume, 'name'> {
  if (!('volume' in mount)) throw new TypeError('a directory of a machine was not refused')
  const { volume, mode } = mount
  const readOnly = mode === 'ro'
  switch (volume.kind) {
    case 'claim':
      return { persistentVolumeClaim: { claimName: volume.claim, readOnly } }
    case 'nfs':
      return { nfs: { server: volume.server, path: volume.path, readOnly } }
    case 'csi': {
      const { driver, attributes, fsType } = volume
      return {
        csi: {
          driver,
          readOnly,
          ...(attributes === undefined ? {} : { volumeAttributes: { ...attributes } }),
          ...(fsType === undefined ? {} : { fsType }),
        },
      }
    }
    default:
      return volume satisfies never
  }
}

function subPathOf(mount: MountSpec): { subPath?: string } {
  if (!('volume' in mount) || mount.volume.kind !== 'claim' || mount.volume.subPath === undefined) return {}
  return { subPath: mount.volume.subPath }
}

/** The claims beside the sessions that it mounts; each once. */
export const claimsOf = (spec: InstanceSpec): string[] => [
  ...new Set(
    spec.mounts.flatMap((mount) => ('volume' in mount && mount.volume.kind === 'claim' ? [mount.volume.claim] : [])),
  ),
]
