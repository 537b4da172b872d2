import { setTimeout as wait } from 'node:timers/promises'
import { allOf } from '../all-of.ts'
import type { CallContext, Created, InstanceSpec } from '../provider.ts'
import { CloudError } from './cloud-error.ts'
import { lookFor } from './everything.ts'
import type { Remains } from './everything.ts'
import type { Watched } from './inspect.ts'
import type { Limit } from './limit.ts'
import { begun, isGoing } from './looks.ts'
import type { Looks } from './looks.ts'
import { checkNames } from './names.ts'
import type { Named } from './named.ts'
import { Refusal } from '../refusal.ts'
import { removeInstance } from './remove.ts'
import type { RemoveDeps } from './remove.ts'
import { egressGroupOf } from './rules.ts'
import { objection, serverBody } from './server.ts'
import { serverMade } from './shapes.ts'
import type { Group, Network, Server } from './shapes.ts'
import { asking, claimGroup, ensureFloating, ensurePort, ensureVolume, settleRules, tolerant } from './surroundings.ts'
import { userDataOf } from './user-data.ts'

export interface CreateDeps extends RemoveDeps, Watched {
  readonly named: Named
  readonly boots: Limit
  /** Security groups that this driver made: what is around them is its own to go on with. */
  readonly claimed: Set<string>
}

/**
 * Security group, port, floating address, volume, server: each made or found, so that any number of calls at once, or after one
 * another's deaths, come to the same one instance. What is refused leaves nothing behind.
 */
export async function createInstance(deps: CreateDeps, spec: InstanceSpec, call: CallContext): Promise<Created> {
  checkNames(spec)
  try {
    const objected = objection(spec, deps.settings)
    if (objected !== null) return { kind: 'refused', ...objected }
    // The whole of it: what stands around a server costs a busy Neutron more than the server costs Nova.
    return await deps.boots(() => makeOrAdopt(deps, spec, call), call.signal)
  } catch (error) {
    if (error instanceof Refusal) return await refuse(deps, spec, error, call)
    if (error instanceof CloudError) return unavailable(error)
    throw error
  }
}

const unavailable = ({ retryAfterMs, message }: CloudError): Created => ({
  kind: 'unavailable',
  retryAfterMs,
  detail: message,
})

async function refuse(deps: CreateDeps, spec: InstanceSpec, refusal: Refusal, call: CallContext): Promise<Created> {
  try {
    // Another call may have made it meanwhile: then that one is right.
    const server = standing(await deps.looks.servers(spec, call.signal))
    if (server !== null) return answer('adopted', spec, server.id)
  } catch (error) {
    if (error instanceof CloudError) return unavailable(error)
    throw error
  }
  await removeInstance(deps, spec, call.signal)
  return { kind: 'refused', code: refusal.code, detail: refusal.message }
}

async function makeOrAdopt(deps: CreateDeps, spec: InstanceSpec, call: CallContext): Promise<Created> {
  const { looks, settings, claimed } = deps
  const { signal } = call
  const began = Date.now()
  // What is refused for its names is refused before anything is made, and adopted all the same where it was made.
  const prepared = prepare(deps, spec, signal)
  prepared.catch(() => undefined)
  for (;;) {
    const found = await lookFor(looks, spec, signal)
    const server = standing(found.servers)
    if (server !== null) return answer('adopted', spec, server.id)
    const parts = await prepared
    const waited = Date.now() - began
    if (waited > settings.bootTimeoutMs) throw new CloudError(null, 'it is being made, or removed, elsewhere')
    const group = found.groups.find(({ id }) => claimed.has(id)) ?? found.groups[0] ?? null
    const mayGoOn = group === null || claimed.has(group.id) || Math.max(waited, ageOf(group)) >= settings.takeOverMs
    if (found.servers.length === 0 && mayGoOn) {
      const own = group ?? (await claimGroup(deps, spec, signal))
      if (own !== null) {
        claimed.add(own.id)
        const made = await complete(deps, spec, { group: own, parts, found }, call)
        if (made !== null) {
          claimed.delete(own.id)
          return made
        }
      }
    }
    // Somebody else is at it; by chance, so that two who gave way to one another do not meet again.
    await wait(settings.lookAgainMs * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined)
  }
}

/** How long ago it was made, ms, by clocks that need not agree: too soon is not wrong, only more than one is at it. 0: not known. */
const ageOf = ({ created_at }: Group): number => Date.now() - (Date.parse(created_at) || Date.now())

interface Prepared {
  readonly network: Network
  readonly floatingNetwork: Network | null
  readonly egressGroup: string | null
  readonly flavorId: string
  readonly imageId: string
  readonly userData: string
}

async function prepare({ named, settings }: CreateDeps, spec: InstanceSpec, signal: AbortSignal): Promise<Prepared> {
  const userData = userDataOf(spec)
  if (userData === null) throw new Refusal('template_unfit', 'its user data is longer than Nova takes')
  const flavor = spec.terms.openstack?.flavors[spec.size] ?? ''
  const [network, floatingNetwork, egressGroup, flavorId, imageId] = await allOf([
    networkOf(named, settings.network, signal),
    settings.floatingNetwork === undefined ? null : networkOf(named, settings.floatingNetwork, signal),
    groupOf(named, egressGroupOf(spec, settings), signal),
    named.flavor(flavor, signal),
    named.image(spec.image, signal),
  ])
  // Where Neutron does not hold the ports of a network, a security group says nothing.
  if (network.port_security_enabled === false)
    throw new CloudError(null, `neutron: the network ${settings.network} has no port security`)
  return { network, floatingNetwork, egressGroup, flavorId, imageId, userData }
}

/** The provider's own network: that it is not there is no template's fault, and may be mended while sessions wait. */
async function networkOf(named: Named, name: string, signal: AbortSignal): Promise<Network> {
  const network = await named.network(name, signal)
  if (network === null) throw new CloudError(null, `neutron: no network ${name}, or more than one`)
  return network
}

async function groupOf(named: Named, name: string | null, signal: AbortSignal): Promise<string | null> {
  const group = name === null ? null : await named.group(name, signal)
  if (name !== null && group === null)
    throw new CloudError(null, `neutron: no security group ${name}, or more than one`)
  return group
}

/** `null`: another call was at the same, and this one took back what it had made. */
async function complete(
  deps: CreateDeps,
  spec: InstanceSpec,
  from: { readonly group: Group; readonly parts: Prepared; readonly found: Remains },
  call: CallContext,
): Promise<Created | null> {
  const { group, parts, found } = from
  const { signal } = call
  call.progress?.({ message: 'Making its network', percent: null })
  const [port, volumeId] = await allOf([
    ensurePort(
      deps,
      spec,
      { networkId: parts.network.id, group, egressGroup: parts.egressGroup, ports: found.ports },
      signal,
    ),
    spec.terms.openstack?.boot === 'volume'
      ? ensureVolume(deps, spec, { imageId: parts.imageId, volumes: found.volumes }, signal)
      : null,
    settleRules(deps, spec, group, signal),
  ])
  if (parts.floatingNetwork !== null)
    await ensureFloating(deps, spec, { networkId: parts.floatingNetwork.id, port, floatings: found.floatings }, signal)
  call.progress?.({ message: 'Asking for a machine', percent: null })
  const body = serverBody(
    spec,
    {
      flavorId: parts.flavorId,
      portId: port.id,
      disk: volumeId === null ? { imageId: parts.imageId } : { volumeId },
      address: parts.floatingNetwork === null ? 'fixed' : 'floating',
      userData: parts.userData,
    },
    deps.settings,
  )
  return await boot(deps, spec, body, signal)
}

async function boot(
  { api, looks, settings, changing }: CreateDeps,
  spec: InstanceSpec,
  body: object,
  signal: AbortSignal,
): Promise<Created | null> {
  const timeoutMs = settings.bootTimeoutMs
  try {
    const { id } = await asking(() => api.post('compute', '/servers', serverMade, signal, { body, timeoutMs }))
    const isAlone = (await looks.present(spec, signal)).every((other) => other.id === id)
    if (isAlone || !(await hasOthers(looks, spec, id, signal))) {
      changing.sent(spec, begun(id))
      return answer('made', spec, id)
    }
    // As with the group: each looks after its own is there, and gives way to whom it sees.
    await tolerant(api.done('compute', 'DELETE', `/servers/${id}`, signal))
    return null
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    // The answer was lost, or the port is in use: it may be there.
    const server = standing(await looks.servers(spec, signal))
    if (server === null) throw error
    return answer('adopted', spec, server.id)
  }
}

async function hasOthers(looks: Looks, spec: InstanceSpec, own: string, signal: AbortSignal): Promise<boolean> {
  return (await looks.servers(spec, signal)).some((other) => other.id !== own && !isGoing(other))
}

const standing = (servers: readonly Server[]): Server | null => servers.find((server) => !isGoing(server)) ?? null

const answer = (kind: 'made' | 'adopted', { name, deploymentId }: InstanceSpec, server: string): Created => ({
  kind,
  ref: { name, deploymentId, ids: { server } },
})
