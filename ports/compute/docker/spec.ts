import { posix } from 'node:path'
import type { InstanceSpec } from '../provider.ts'
import { marksOf } from '../marks.ts'
import type { Names } from './names.ts'
import { isDirectory } from './mounts.ts'
import type { DockerSettings } from './settings.ts'

/** Where a session finds its secret; the path stands in its environment as `CARREL_SECRET_FILE`. */
export const secretFile = '/run/carrel/secret'

/**
 * A name server that is none: an address for documentation, which the session's network refuses. The daemon's own
 * resolver is silent then, so programs are told not to wait for it.
 */
const noNameserver = '192.0.2.53'

const imagePattern =
  /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/

export const isImageName = (image: string): boolean => image.length < 512 && imagePattern.test(image)

/** Places of an image that say who is who and what is trusted: nothing may be mounted there or above. */
const protectedTargets = ['/etc', '/proc', '/sys', '/dev', '/run/carrel', '/usr', '/bin', '/sbin', '/lib', '/lib64']

/** What this driver cannot do for anybody; `null` where there is nothing. Mounts are checked on their own. */
export function objection(spec: InstanceSpec, settings: DockerSettings): string | null {
  const { resources, user } = spec
  if (resources.gpus > 0) return 'this provider has no GPUs'
  if (resources.cpuMilli <= 0 || resources.memoryMib < 6) return 'a session needs a CPU limit and at least 6 MiB'
  if (user?.uid === 0 && !settings.allowRootImages.includes(spec.image)) return 'root is not allowed for this image'
  if (spec.report !== null) return 'here the daemon says where ports are, and nothing is reported'
  if (spec.egress === 'site' && settings.siteNetworks.length === 0) return 'this provider has no site networks'
  const bad = spec.mounts.find(({ target }) => !isMountTarget(target))
  return bad === undefined ? null : `nothing may be mounted at ${bad.target}`
}

function isMountTarget(target: string): boolean {
  if (!posix.isAbsolute(target) || posix.normalize(target) !== target) return false
  if (target.endsWith('/') || target.includes('\0')) return false
  const below = (outer: string, inner: string) => inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)
  return !protectedTargets.some((place) => below(place, target) || below(target, place))
}

/** The body of `POST /containers/create`. The secret is not in it. */
export function containerBody(spec: InstanceSpec, names: Names, settings: DockerSettings, limitDisk: boolean): object {
  const published = spec.ports.map((port) => `${port}/tcp`)
  const memory = spec.resources.memoryMib * 1024 * 1024
  const environment = { ...spec.environment, CARREL_SECRET_FILE: secretFile }
  return {
    Image: spec.image,
    Hostname: spec.sessionId,
    Labels: marksOf(spec),
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...(spec.command === null ? {} : { Cmd: spec.command }),
    ...(spec.user === null ? {} : { User: `${spec.user.uid}:${spec.user.gid}` }),
    ExposedPorts: Object.fromEntries(published.map((port) => [port, {}])),
    HostConfig: {
      NanoCpus: spec.resources.cpuMilli * 1_000_000,
      Memory: memory,
      // Equal to memory: no swap.
      MemorySwap: memory,
      PidsLimit: settings.pidsLimit,
      ...(limitDisk && spec.resources.diskMib > 0 ? { StorageOpt: { size: `${spec.resources.diskMib}M` } } : {}),
      CapDrop: ['ALL'],
      CapAdd: spec.capabilities,
      SecurityOpt: ['no-new-privileges:true'],
      ...(spec.user === null ? {} : { GroupAdd: spec.user.gids.map(String) }),
      PortBindings: Object.fromEntries(published.map((p) => [p, [{ HostIp: settings.publishAddress, HostPort: '' }]])),
      NetworkMode: names.object,
      ...(spec.egress === 'none' ? { Dns: [noNameserver], DnsOptions: ['timeout:1', 'attempts:1'] } : {}),
      // What is no directory was refused when the mounts were checked.
      Mounts: spec.mounts.filter(isDirectory).map(({ hostPath, target, mode }) => ({
        Type: 'bind',
        Source: hostPath,
        Target: target,
        ReadOnly: mode === 'ro',
        BindOptions: { Propagation: 'rprivate' },
      })),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '8m', 'max-file': '2' } },
      RestartPolicy: { Name: 'no' },
    },
  }
}
