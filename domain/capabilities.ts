import type { ResumesBy } from './pausing.ts'
import type { Egress } from './template.ts'

/** What a provider can do, as its driver says. */
export interface Capabilities {
  /** Whether a session can rest, and give back all but what it stored. */
  readonly pause: boolean
  /** How what was paused comes back; left out where it wakes. */
  readonly resume?: ResumesBy
  readonly gpu: boolean
  readonly diskLimit: boolean
  /** What is kept apart from what; production needs an override by name for anything but `enforced`. */
  readonly isolation: Isolation
  readonly egress: readonly Egress[]
  readonly mounts: boolean
  readonly logs: boolean
  /** Whether its instances can report their ports; left out where they can. */
  readonly reports?: boolean
  /** Whether `usage` says what was used by the backend's own numbers. */
  readonly usage?: boolean
}

/** From the least to the most. */
export const isolations = ['none', 'partial', 'enforced'] as const
export type Isolation = (typeof isolations)[number]
