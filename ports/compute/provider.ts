import type { RefusalCode } from '../../domain/errors.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { Resources } from '../../domain/resources.ts'
import type { Egress, ReadinessSpec } from '../../domain/template.ts'

/** What is to run. Built by the server alone; a caller's words are in `environment` and nowhere else. */
export interface InstanceSpec {
  /** Same for every attempt of this session and generation: an existing object of this name is adopted. */
  readonly name: string
  readonly deploymentId: string
  readonly sessionId: SessionId
  readonly generation: number
  readonly image: string
  readonly command: readonly string[] | null
  readonly environment: Readonly<Record<string, string>>
  /** The session's own secret: passed by file or environment, never listed, never logged. */
  readonly secret: string
  readonly resources: Resources
  /** `null`: the image's own user, which the driver refuses if it is root (unless the provider allows it by name). */
  readonly user: { readonly uid: number; readonly gid: number; readonly gids: readonly number[] } | null
  readonly capabilities: readonly string[]
  readonly ports: readonly number[]
  readonly readiness: ReadinessSpec
  readonly mounts: readonly MountSpec[]
  readonly egress: Egress
}

/** A directory that the provider knows by this path; resolved by the server from a storage source. */
export interface MountSpec {
  readonly hostPath: string
  readonly target: string
  readonly mode: 'ro' | 'rw'
}

/** What the backend calls the instance. JSON, kept in the instance's row; `name` alone is enough to find it. */
export interface InstanceRef {
  readonly name: string
  readonly deploymentId: string
  /** The backend's own ids, once known. */
  readonly ids?: Readonly<Record<string, string>>
}

/** Where a port of the instance is reached from Carrel. */
export interface Endpoint {
  readonly port: number
  readonly host: string
  readonly hostPort: number
}

export type Created =
  /** Made by this call. */
  | { readonly kind: 'made'; readonly ref: InstanceRef }
  /** Made by an earlier call of the same name, whether it ended with an answer or not. */
  | { readonly kind: 'adopted'; readonly ref: InstanceRef }
  /** It cannot be made, and trying again would not help. `detail` is for operators, in the backend's words, capped. */
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly detail: string }
  /** The backend does not answer or has no room; nothing is known to be made. `retryAfterMs` where it said so. */
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number | null; readonly detail: string }

export type InstanceState =
  | { readonly kind: 'pending'; readonly reason: string }
  | { readonly kind: 'running'; readonly endpoints: readonly Endpoint[] }
  | { readonly kind: 'paused' }
  | { readonly kind: 'exited'; readonly exitCode: number | null; readonly outOfMemory: boolean }
  /** The backend answered, and it is not there. */
  | { readonly kind: 'absent' }
  /** Nothing is known: unreachable, slow, or a state that the driver's table does not name. Changes nothing. */
  | { readonly kind: 'unknown'; readonly why: string }

export interface ObservedInstance {
  readonly ref: InstanceRef
  readonly sessionId: SessionId
  readonly generation: number
  readonly state: InstanceState
}

/** `removed`: confirmed absent now. `unknown`: ask again. */
export type Removed = { readonly kind: 'removed' } | { readonly kind: 'unknown'; readonly why: string }

/** What happens, in a user's words, with a percentage (0–100) where one is known. */
export interface Progress {
  readonly message: string
  readonly percent: number | null
}

/** Every call is bounded by the driver's own timeouts and ends early when `signal` aborts. */
export interface CallContext {
  readonly signal: AbortSignal
  readonly progress?: (progress: Progress) => void
}

export interface Capabilities {
  readonly pause: boolean
  readonly gpu: boolean
  readonly diskLimit: boolean
  /** What is kept apart from what; production needs an override by name for anything but `enforced`. */
  readonly isolation: 'enforced' | 'partial' | 'none'
  readonly egress: readonly Egress[]
  readonly mounts: boolean
  readonly logs: boolean
}

/**
 * Where instances run. One conformance suite (test/conformance/compute.ts) is passed by every driver.
 * A driver answers in these words; no library's error leaves it, and an error is never "absent".
 */
export interface ComputeProvider {
  readonly capabilities: Capabilities
  /** How long after a create of unknown outcome the object may still appear, ms. "Absent" is believed twice, this far apart. */
  readonly settleMs: number
  /** Makes the instance and everything around it, or adopts it. Idempotent by name, also beside itself. */
  create(spec: InstanceSpec, call: CallContext): Promise<Created>
  inspect(ref: InstanceRef, call: CallContext): Promise<InstanceState>
  /** Removes the instance and everything made around it. Absent is success; a half-made one is removed too. */
  remove(ref: InstanceRef, call: CallContext): Promise<Removed>
  /** Everything that carries the deployment's label, page by page. Throws `ProviderUnreachable` rather than list too little. */
  list(deploymentId: string, call: CallContext): AsyncIterable<ObservedInstance>
  /** Keeps what runs, at rest. Only where `capabilities.pause`. */
  pause?(ref: InstanceRef, call: CallContext): Promise<InstanceState>
  resume?(ref: InstanceRef, call: CallContext): Promise<InstanceState>
  /** The last `lines` lines of what it printed, for operators and for readiness by log; capped at 64 KiB. */
  logs?(ref: InstanceRef, lines: number, call: CallContext): Promise<string>
  /** Ends what the driver itself holds open (sockets, agents); instances live on. */
  close(): Promise<void>
}

/** A list could not be completed: what is missing from it means nothing. */
export class ProviderUnreachable extends Error {
  override readonly name = 'ProviderUnreachable'
}
