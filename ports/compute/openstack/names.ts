import { instanceOf } from '../../../domain/ids.ts'
import { marks, marksOf } from '../marks.ts'
import type { Identity, Marks } from '../marks.ts'
import type { InstanceRef, InstanceSpec } from '../provider.ts'

/**
 * How what belongs to one instance is known again. Servers carry tags and metadata, volumes metadata, and all three of Neutron's
 * kinds a description, because these are set by the same call that makes the object: nothing of ours is ever unmarked. Nova's tags hold
 * no comma and no slash, and at most 60 characters.
 */
const own = {
  ...marks,
  ports: 'carrel.ports',
  /** `floating` or `fixed`: where it is reached. */
  address: 'carrel.address',
} as const

export type Names = Pick<InstanceRef, 'name' | 'deploymentId'>

const namePattern = /^[a-z0-9][a-z0-9_.-]{0,46}$/
const deploymentPattern = /^[a-z0-9-]{1,40}$/

/** Throws on what would not be one tag; the server makes names, so that is a defect. */
export function checkNames({ name, deploymentId }: Names): void {
  if (!namePattern.test(name) || !deploymentPattern.test(deploymentId))
    throw new TypeError('an instance name is of lower-case letters, digits and _.-')
}

export function metadataOf(spec: InstanceSpec, address: 'floating' | 'fixed'): Record<string, string> {
  return {
    ...marksOf(spec),
    [own.ports]: portsWord(spec),
    [own.address]: address,
  }
}

/** Of one that reports its ports nothing is known here but the machine. Nova keeps no word of more than 255 characters. */
export const portsWord = ({ ports, report }: Pick<InstanceSpec, 'ports' | 'report'>): string =>
  report === null ? ports.join(',') : 'reported'

/** Of security groups and ports, which have a name beside it. */
export const descriptionOf = (deploymentId: string): string => `carrel ${deploymentId}`
/** Of floating IPs, which have no name. */
export const fullDescriptionOf = ({ name, deploymentId }: Names): string => `carrel ${deploymentId} ${name}`
/** The instance's name in such a description; `null`: it is none of this deployment's. */
export function nameIn(description: string, deploymentId: string): string | null {
  const prefix = `carrel ${deploymentId} `
  return description.startsWith(prefix) ? description.slice(prefix.length) : null
}

/** Whose remains these are, by their name alone. */
export function identityByName(name: string, deploymentId: string): Identity | null {
  const instance = instanceOf(name)
  return instance === null ? null : { name, deploymentId, ...instance }
}

/** Where the ports of a server are: its own numbers, or none where it reports them. */
export const portsIn = (found: Marks): readonly number[] | 'reported' => {
  const text = found[own.ports] ?? ''
  return text === 'reported'
    ? 'reported'
    : text
        .split(',')
        .map(Number)
        .filter((port) => port > 0)
}

export const addressIn = (found: Marks): 'floating' | 'fixed' =>
  found[own.address] === 'floating' ? 'floating' : 'fixed'

/** Volumes are found by the same words, as Cinder's metadata. */
export const volumeMetadataOf = ({ name, deploymentId }: Names): Record<string, string> => ({
  [marks.deployment]: deploymentId,
  [marks.name]: name,
})
export const volumeFilterOf = (found: Partial<Names>): string =>
  JSON.stringify({
    ...(found.deploymentId === undefined ? {} : { [marks.deployment]: found.deploymentId }),
    ...(found.name === undefined ? {} : { [marks.name]: found.name }),
  })
export const volumeNameIn = (found: Marks): string | null => found[marks.name] ?? null
