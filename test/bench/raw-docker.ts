import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import Docker from 'dockerode'
import type { SessionId } from '../../domain/ids.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import { probeHttp } from '../../ports/access/probe.ts'
import { subnet } from '../../ports/compute/docker/addresses.ts'
import { namesOf } from '../../ports/compute/docker/names.ts'
import type { DockerSettings } from '../../ports/compute/docker/settings.ts'
import { containerBody, secretFile } from '../../ports/compute/docker/spec.ts'
import { tar } from '../../ports/compute/docker/tar.ts'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { plainTerms } from '../setup/plain-terms.ts'

/** The plain thing, without anything around it: what anybody would write who wants the same containers. */
export interface RawDocker {
  /** Makes network and container, gives it its secret, starts it, and knocks until it answers. */
  start(): Promise<RawInstance>
  /** Stops it with the same grace, and removes container and network. */
  stop(instance: RawInstance): Promise<void>
  /** Removes whatever is left. */
  close(): Promise<void>
}

export interface RawInstance {
  readonly container: Docker.Container
  readonly network: Docker.Network
}

const label = 'carrel.bench'
const knockEveryMs = 50
const startLimitMs = 5 * 60_000
/** Beside the pool that sessions take theirs from. */
const addressPool = '198.19.0.0/16'

/** The same image, command, limits, rights, network options, published ports and secret as Carrel gives; only the names differ. */
export function createRawDocker(settings: DockerSettings, template: TemplateSpec): RawDocker {
  const docker = new Docker({ socketPath: new URL(settings.dockerHost).pathname })
  const run = randomBytes(4).toString('hex')
  const labels = { [label]: run }
  let number = 0

  async function start(): Promise<RawInstance> {
    const n = (number += 1)
    const spec = specOf(template, `raw${run}n${n}`)
    const network = await docker.createNetwork({
      Name: namesOf(spec).object,
      CheckDuplicate: true,
      Driver: 'bridge',
      EnableIPv6: false,
      IPAM: { Config: [{ Subnet: subnet(addressPool, 29, n) }] },
      Options: { 'com.docker.network.bridge.name': `b${run}${n}` },
      Labels: labels,
    })
    const body = { ...containerBody(spec, namesOf(spec), settings, false), Labels: labels }
    const container = await docker.createContainer({ ...body, name: namesOf(spec).object })
    const secret = { path: secretFile.slice(1), content: Buffer.from(spec.secret), mode: 0o400, uid: 1000, gid: 1000 }
    const directory = { path: secretFile.slice(1, secretFile.lastIndexOf('/')), content: null, mode: 0o755 }
    await container.putArchive(tar([directory, secret]), { path: '/' })
    await container.start()
    await answers(container)
    return { container, network }
  }

  async function answers(container: Docker.Container): Promise<void> {
    const { readiness } = template
    if (readiness.kind !== 'http') throw new Error('only what answers HTTP is measured')
    const { NetworkSettings } = await container.inspect()
    const bound = NetworkSettings.Ports[`${readiness.port}/tcp`]?.[0]
    if (bound === undefined) throw new Error('no port was published')
    const target = { host: bound.HostIp, port: Number(bound.HostPort), path: readiness.path, status: readiness.status }
    const signal = AbortSignal.timeout(startLimitMs)
    while (!(await probeHttp(target, signal))) await delay(knockEveryMs, undefined, { signal })
  }

  async function stop({ container, network }: RawInstance): Promise<void> {
    await container.stop({ t: settings.stopGraceSeconds })
    await container.remove({ force: true, v: true })
    await network.remove()
  }

  async function close(): Promise<void> {
    const filters = { label: [`${label}=${run}`] }
    for (const { Id } of await docker.listContainers({ all: true, filters }))
      await docker.getContainer(Id).remove({ force: true, v: true })
    for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
  }

  return { start, stop, close }
}

function specOf(template: TemplateSpec, name: string): InstanceSpec {
  const size = template.sizes[template.defaultSize]
  if (size === undefined) throw new Error('a template without its default size')
  return {
    name,
    deploymentId: 'bench',
    // Only a host name here.
    sessionId: name as SessionId,
    generation: 1,
    image: template.image,
    command: template.command,
    environment: template.environment,
    secret: randomBytes(32).toString('base64url'),
    resources: { sessions: 1, ...size },
    user: template.user === 'account' || template.user === null ? null : { ...template.user, gids: [] },
    capabilities: template.capabilities,
    ports: Object.values(template.doors).map(({ port }) => port),
    readiness: template.readiness,
    mounts: [],
    egress: template.egress,
    ...plainTerms,
  }
}
