import type { BackendTerms } from '../../domain/backend-terms.ts'
import type { Capabilities } from '../../domain/capabilities.ts'
import type { RefusalCode } from '../../domain/errors.ts'
import type { ProjectId, SessionId } from '../../domain/ids.ts'
import type { FailReason } from '../../domain/lifecycle.ts'
import type { CheckFinding } from '../../domain/provider-check.ts'
import type { Resources } from '../../domain/resources.ts'
import type { Egress, PortRange, ReadinessSpec } from '../../domain/template.ts'
import type { MountSource } from '../../domain/volumes.ts'

export type { Capabilities }

/** What is to run. Built by the server alone; a caller's words are in `environment` and nowhere else. */
export interface InstanceSpec {
  /** Same for every attempt of this session and generation: an existing object of this name is adopted. */
  readonly name: string
  readonly deploymentId: string
  readonly sessionId: SessionId
  readonly generation: number
  /** Of its session: a backend may have a place of its own for each project. */
  readonly projectId?: ProjectId
  readonly image: string
  readonly command: readonly string[] | null
  readonly environment: Readonly<Record<string, string>>
  /** The session's own secret: passed by file or environment, never listed, never logged. */
  readonly secret: string
  readonly resources: Resources
  /** `null`: the image's own user, which the driver refuses if it is root (unless the provider allows it by name). */
  readonly user: InstanceUser | null
  readonly capabilities: readonly string[]
  readonly ports: readonly number[]
  readonly readiness: ReadinessSpec
  readonly mounts: readonly MountSpec[]
  readonly egress: Egress
  /** The name of the size that was chosen: what it is called at the backend stands in `terms`. */
  readonly size: string
  readonly terms: BackendTerms
  /** How long it may run from `ready` on, in seconds: what a backend calls its wall time. */
  readonly lifetimeSeconds: number
  /** `null`: its ports are where `ports` says. */
  readonly report: ReportSpec | null
  /** The paused instance that it continues: what that one kept is taken over (`capabilities.resume` is `remakes`). */
  readonly continues?: InstanceRef
}

export interface InstanceUser {
  readonly uid: number
  readonly gid: number
  readonly gids: readonly number[]
  /** The account's name among the site's POSIX users; left out where the template names numbers alone. */
  readonly name?: string
}

/** How an instance says on which ports it listens. Its host is never taken from what it says. */
export interface ReportSpec {
  /** Where it posts to, from inside. */
  readonly url: string
  /** Good for this instance, once. Passed as the secret is: never listed, never logged. */
  readonly token: string
  readonly ports: PortRange
  /** Its ports must speak TLS with a certificate of their own, whose fingerprint is reported with them. */
  readonly tls?: boolean
}

/** A directory that the provider knows by this path, or a volume of its own; resolved by the server from a storage source. */
export type MountSpec = MountSource & { readonly target: string; readonly mode: 'ro' | 'rw' }

/** What the backend calls the instance. JSON, kept in the instance's row; `name` alone is enough to find it. */
export interface InstanceRef {
  readonly name: string
  readonly deploymentId: string
  /** The backend's own ids, once known. */
  readonly ids?: Readonly<Record<string, string>>
  /** While they are not: the user as whom it was to run, where its template says that of accounts. */
  readonly owner?: { readonly name: string; readonly uid: number }
}

/** Where a port of the instance is reached from Carrel. */
export interface Endpoint {
  readonly port: number
  readonly host: string
  readonly hostPort: number
  /** It speaks TLS with the one certificate of this SHA-256 fingerprint (64 hex digits, of its DER form). */
  readonly fingerprint?: string
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

export interface Running {
  readonly kind: 'running'
  readonly endpoints: readonly Endpoint[]
  /** Of one that reports its ports: where they are, by the backend. */
  readonly host?: string
  /** When the backend itself will end it, ms since the epoch. */
  readonly endsAt?: number
  /** Where it is is somebody's word: held against networks, Carrel's own services and other instances before anybody is led there. */
  readonly unverified?: true
}

export type InstanceState =
  /** `expectedAt`: when the backend means to begin it, ms since the epoch, where it says so. */
  | { readonly kind: 'pending'; readonly reason: string; readonly expectedAt?: number }
  | Running
  | { readonly kind: 'paused' }
  /** It ended, or never will run. `reason` where the backend knows better than its exit; `detail` is for operators, capped. */
  | {
      readonly kind: 'exited'
      readonly exitCode: number | null
      readonly outOfMemory: boolean
      readonly reason?: FailReason
      readonly detail?: string
    }
  /** The backend answered, and it is not there. */
  | { readonly kind: 'absent' }
  /** Nothing is known: unreachable, slow, or a state that the driver's table does not name. Changes nothing. */
  | {
      readonly kind: 'unknown'
      readonly why: string
      /** The backend's own word for a state that the driver's table does not name: it is counted. */
      readonly unnamed?: string
    }

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

/** What a check looks for at the backend beside the provider's own settings. */
export interface CheckAsk {
  readonly deploymentId: string
  /** What the templates in service that may run there ask for: look for it where that is cheap. */
  readonly templates: readonly CheckedTemplate[]
}

export interface CheckedTemplate {
  readonly image: string
  readonly sizes: readonly (Omit<Resources, 'sessions'> & { readonly name: string })[]
  readonly egress: Egress
  readonly terms: BackendTerms
}

/** What the instance used by the backend's own numbers, so far or in all. */
export interface Usage {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly gpuSeconds: number
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
  /** Inspects at the same time go as one look at the backend: whoever waits for many asks often, and not when the next list tells. */
  readonly inspectsTogether?: true
  /** Removes the instance and everything made around it. Absent is success; a half-made one is removed too. */
  remove(ref: InstanceRef, call: CallContext): Promise<Removed>
  /** Everything that carries the deployment's label, page by page. Throws `ProviderUnreachable` rather than list too little. */
  list(deploymentId: string, call: CallContext): AsyncIterable<ObservedInstance>
  /**
   * Puts it to rest, so that it needs no more than what it stored. Only where `capabilities.pause`. `paused`: it rests; `pending`: it
   * is on its way, `inspect` tells; `running`: the backend would not. On its way and at rest it is neither `exited` nor `absent`.
   * Where paused instances are remade, what ran is gone, and what it stored stays under this name until it is removed, or taken over.
   */
  pause?(ref: InstanceRef, call: CallContext): Promise<InstanceState>
  /** Runs it again. `running`, or `pending` on its way there; `paused`: the backend would not. Only where what is paused wakes. */
  resume?(ref: InstanceRef, call: CallContext): Promise<InstanceState>
  /** The last `lines` lines of what it printed, for operators and for readiness by log; capped at 64 KiB. */
  logs?(ref: InstanceRef, lines: number, call: CallContext): Promise<string>
  /** Only where `capabilities.usage`; `null`: the backend does not know, or not yet. */
  usage?(ref: InstanceRef, call: CallContext): Promise<Usage | null>
  /**
   * Looks whether sessions could run: credentials, permissions, what is left there, what settings and templates name. Makes and
   * changes nothing, takes seconds, and says what is missing; an empty list: all is well. A backend that does not answer is a
   * finding, `unreachable`, not an error.
   */
  check?(ask: CheckAsk, call: CallContext): Promise<readonly CheckFinding[]>
  /** Ends what the driver itself holds open (sockets, agents); instances live on. */
  close(): Promise<void>
}

/** A list could not be completed: what is missing from it means nothing. */
export class ProviderUnreachable extends Error {
  override readonly name = 'ProviderUnreachable'
}
