import { createHash } from 'node:crypto'
import type { Egress } from '../../../domain/template.ts'
import type { InstanceRef } from '../provider.ts'

/** What the daemon calls one instance's objects. A function of the reference alone, so that a lost one is found again. */
export interface Names {
  /** Of the container and of its network. Two deployments on one daemon never share one. */
  readonly object: string
  /** 16 hex digits of this instance, for what has little room. */
  readonly digest: string
}

/** The label of what serves the daemon and no session: `egress`, `disk`. */
export const partLabel = 'carrel.part'

const namePattern = /^[a-z0-9][a-z0-9_.-]{0,99}$/

/** Throws on a name that would not be one for the daemon; the server makes them, so that is a defect. */
export function namesOf({ name, deploymentId }: Pick<InstanceRef, 'name' | 'deploymentId'>): Names {
  if (!namePattern.test(name)) throw new TypeError('an instance name is of lower-case letters, digits and _.-')
  const digest = hash(`${deploymentId}\n${name}`)
  return { object: `${name}.${digest.slice(0, 6)}`, digest: digest.slice(0, 16) }
}

const egressLetter = { none: 'n', internet: 'i', site: 's' } as const satisfies Record<Egress, string>

/** What the names of all session bridges of one egress class and policy begin with: 7 characters. */
export const bridgePrefix = (egress: Egress, policy: string): string => `c${egressLetter[egress]}${policy.slice(0, 5)}`

/** The bridge's interface name: at most 15 characters, and unique, which makes the daemon refuse a second network. */
export const bridgeName = (egress: Egress, policy: string, names: Names): string =>
  bridgePrefix(egress, policy) + names.digest.slice(0, 8)

export const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
