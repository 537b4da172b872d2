import { setTimeout as wait } from 'node:timers/promises'
import { allOf } from '../all-of.ts'
import type { InstanceSpec } from '../provider.ts'
import type { CloudApi } from './api.ts'
import { CloudError } from './cloud-error.ts'
import type { Looks } from './looks.ts'
import { descriptionOf, fullDescriptionOf, volumeMetadataOf } from './names.ts'
import { Refusal } from '../refusal.ts'
import { refusalOf } from './refusal.ts'
import { ruleBody, ruleChanges, rulesOf } from './rules.ts'
import type { OpenstackSettings } from './settings.ts'
import { floatingAlone, groupAlone, portAlone, volumeAlone } from './shapes.ts'
import type { Floating, Group, Port, Volume } from './shapes.ts'

export interface Ground {
  readonly api: CloudApi
  readonly looks: Looks
  readonly settings: OpenstackSettings
}

/** A request that makes something: what the cloud refuses for good becomes a `Refusal`. */
export async function asking<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    throw error instanceof CloudError ? (refusalOf(error) ?? error) : error
  }
}

/**
 * Makes the session's security group, which stands for the right to make all else. Neutron takes two of one name, so each maker
 * looks again after its own is there: of any two at least one sees the other, and takes its own back (`null`).
 */
export async function claimGroup(
  { api, looks }: Ground,
  spec: InstanceSpec,
  signal: AbortSignal,
): Promise<Group | null> {
  const body = { security_group: { name: spec.name, description: descriptionOf(spec.deploymentId) } }
  const group = await asking(() => api.post('network', '/security-groups', groupAlone, signal, { body }))
  const all = await looks.groups(spec, signal)
  if (all.every(({ id }) => id === group.id)) return group
  // Refused where a third call has already taken it for the one that stays.
  await tolerant(api.done('network', 'DELETE', `/security-groups/${group.id}`, signal))
  return null
}

/** Brings the group's rules to what the session's are. Neutron begins each group with leave to go anywhere. */
export async function settleRules(
  { api, settings }: Ground,
  spec: InstanceSpec,
  group: Group,
  signal: AbortSignal,
): Promise<void> {
  const { missing, surplus } = ruleChanges(rulesOf(spec, settings), group.security_group_rules)
  const body = { security_group_rules: missing.map((rule) => ruleBody(group.id, rule)) }
  const adding =
    missing.length === 0
      ? Promise.resolve()
      : asking(() => api.done('network', 'POST', '/security-group-rules', signal, { body }))
  const removing = surplus.map((id) => tolerant(api.done('network', 'DELETE', `/security-group-rules/${id}`, signal)))
  await allOf([adding, ...removing])
}

/** The session's port: the one that is there with its group, or a new one. */
export async function ensurePort(
  { api }: Ground,
  spec: InstanceSpec,
  from: {
    readonly networkId: string
    readonly group: Group
    readonly egressGroup: string | null
    readonly ports: readonly Port[]
  },
  signal: AbortSignal,
): Promise<Port> {
  const there = from.ports.find((port) => port.security_groups.includes(from.group.id))
  if (there !== undefined) return there
  const port = {
    network_id: from.networkId,
    name: spec.name,
    description: descriptionOf(spec.deploymentId),
    security_groups: [from.group.id, ...(from.egressGroup === null ? [] : [from.egressGroup])],
    admin_state_up: true,
  }
  return await asking(() => api.post('network', '/ports', portAlone, signal, { body: { port } }))
}

/**
 * A floating address of the session's own, for its port from the first moment. It is always a new one: what is there and is not
 * marked as this session's is never looked at. Neutron gives a port's address only one of a network.
 */
export async function ensureFloating(
  { api, looks }: Ground,
  spec: InstanceSpec,
  from: { readonly networkId: string; readonly port: Port; readonly floatings: readonly Floating[] },
  signal: AbortSignal,
): Promise<Floating> {
  const of = (all: readonly Floating[]) => all.find((floating) => floating.port_id === from.port.id)
  const there = of(from.floatings)
  if (there !== undefined) return there
  const floatingip = {
    floating_network_id: from.networkId,
    port_id: from.port.id,
    description: fullDescriptionOf(spec),
  }
  try {
    return await asking(() => api.post('network', '/floatingips', floatingAlone, signal, { body: { floatingip } }))
  } catch (error) {
    if (!(error instanceof CloudError) || error.status !== 409) throw error
    const other = of(await looks.floatings(spec, signal))
    if (other === undefined) throw error
    return other
  }
}

const volumePollMs = 2_000

/** Cinder counts in whole GiB, and knows no volume of none. */
export const volumeGib = (diskMib: number): number => Math.max(1, Math.ceil(diskMib / 1024))

/** The session's own disk with the image on it, once it is ready to boot from. */
export async function ensureVolume(
  { api, settings }: Ground,
  spec: InstanceSpec,
  from: { readonly imageId: string; readonly volumes: readonly Volume[] },
  signal: AbortSignal,
): Promise<string> {
  const body = {
    volume: {
      name: spec.name,
      size: volumeGib(spec.resources.diskMib),
      imageRef: from.imageId,
      metadata: volumeMetadataOf(spec),
      ...(settings.volumeType === undefined ? {} : { volume_type: settings.volumeType }),
      ...(spec.terms.openstack?.availabilityZone === undefined
        ? {}
        : { availability_zone: spec.terms.openstack.availabilityZone }),
    },
  }
  const deadline = Date.now() + settings.volumeTimeoutMs
  let volume = from.volumes[0] ?? (await asking(() => api.post('volume', '/volumes', volumeAlone, signal, { body })))
  while (volume.status !== 'available') {
    if (volume.status.startsWith('error')) throw new Refusal('start_failed', `cinder: the volume is ${volume.status}`)
    if (Date.now() > deadline) throw new CloudError(null, 'cinder: the volume is not ready in time')
    await wait(volumePollMs, undefined, { signal }).catch(() => undefined)
    volume = await api.get('volume', `/volumes/${volume.id}`, volumeAlone, signal)
  }
  return volume.id
}

/** An answer that it cannot now (gone, busy, in use) is seen at the next look. */
export async function tolerant(deed: Promise<void>): Promise<void> {
  try {
    await deed
  } catch (error) {
    if (!(error instanceof CloudError) || error.status === null || error.status >= 500 || error.status === 401)
      throw error
  }
}
