import type { RefusalCode } from '../../domain/errors.ts'
import type { MountSource } from '../../domain/volumes.ts'
import type { ComputeProvider, InstanceRef, InstanceSpec, InstanceState } from '../../ports/compute/provider.ts'
import type { Garbage } from '../support/fault-handlers.ts'
import type { InstanceKey } from './compute-harness.ts'

/** Which parts of the suite a driver can be put to, known before anything is set up. What is left out is told by name. */
export interface Facets {
  /** The harness has `faults`. */
  readonly faults: boolean
  /** `capabilities.mounts`, and the harness has `mounts`. */
  readonly mounts: boolean
  /** Said as false: no directory is mounted that anybody could swap. */
  readonly swaps?: boolean
  /** The harness has `faults.http`. */
  readonly http?: boolean
  /** The harness has `many`. */
  readonly many?: boolean
  /** The harness has `specs.pending`. */
  readonly pending?: boolean
  /** The harness has `credentials`. */
  readonly credentials?: boolean
  /** What `specs.refused` has. */
  readonly refusals?: readonly RefusalCode[]
  /** It says where an instance is that reports its ports. */
  readonly reports?: boolean
  /** Said as false: nothing really runs in its instances, so nothing answers. */
  readonly answers?: boolean
}

/** Specs to be tried. */
export interface ComputeSpecs {
  /** Answers HTTP 200 on port 8080, which is its one port, and runs until it is removed. */
  server(key: InstanceKey): InstanceSpec
  /** Starts, and ends by itself at once with this exit code. */
  exiting(key: InstanceKey, exitCode: number): InstanceSpec
  /** What is seen of that end, where it is less than its code. */
  readonly exited?: Partial<Extract<InstanceState, { kind: 'exited' }>>
  /** Uses more memory than it asked for; `undefined` where the backend cannot tell. */
  readonly outOfMemory?: (key: InstanceKey) => InstanceSpec
  /** Names an image, or whatever the driver starts from, that does not exist. */
  missingImage(key: InstanceKey): InstanceSpec
  /** Is taken, and never begins. */
  readonly pending?: (key: InstanceKey) => InstanceSpec
  /** What the backend can never run, by the word for it. Each is asked for right before its create. */
  readonly refused?: Partial<Record<RefusalCode, (key: InstanceKey) => InstanceSpec>>
}

/** What may happen between a driver and its backend. */
export interface ComputeFaults {
  /** The driver to which it happens; its timeouts should be small. The others may be spared. */
  readonly provider: ComputeProvider
  /** The next create takes effect, and its answer is lost on the way back. */
  loseNextAnswer(): void
  /** The next create is held on its way; the caller runs into its timeout. `land` lets it take effect after all. */
  holdNextCreate(): { land(): Promise<void> }
  /** Connections are refused. */
  goDown(): Promise<void> | void
  /** Connections are accepted, and nothing is answered for 60 s. */
  hang(): Promise<void> | void
  /** Everything takes some time longer, and less than the driver's timeout. */
  slow(): Promise<void> | void
  /** All is well again. */
  recover(): Promise<void> | void
  readonly http?: HttpFaults
}

/** What may happen to a driver that speaks HTTP; `recover` ends it. */
export interface HttpFaults {
  /** The next removal takes effect, and its answer is lost. */
  loseNextRemoval(): void
  /** Of the requests from now on that change something, the answer to this one (0 is the next) is lost. */
  loseWrite(number: number): { readonly happened: () => boolean }
  /** Every request is answered so. */
  answer(status: number, headers?: Readonly<Record<string, string>>): Promise<void>
  garbage(kind: Garbage): Promise<void>
  /** How many requests came so far. */
  requests(): number
}

/** What the driver shows the backend may stop being good. */
export interface CredentialHarness {
  /** The driver to which it happens. */
  readonly provider: ComputeProvider
  /** Whether the driver gets new ones by itself, so that nobody notices. */
  readonly renewed: boolean
  /** From now on the backend does not take what the driver has shown so far. */
  lapse(): Promise<void>
  /** It takes it again, or new ones lie where the driver reads them. */
  restore(): Promise<void>
}

/** How to have many instances without much to run them. */
export interface ManyHarness {
  /** Puts objects into the backend that the driver lists as these instances. */
  make(keys: readonly InstanceKey[]): Promise<void>
  unmake(keys: readonly InstanceKey[]): Promise<void>
}

export interface MountHarness {
  /** What only the site's operator can replace, holding a file `marker` with this text. */
  safe(): Promise<{ readonly source: MountSource; readonly marker: string }>
  /** A directory in a place where a user can write, who may replace it by a link to another one; left out where nothing mounts directories. */
  swappable?(): Promise<{ readonly hostPath: string; readonly forbidden: string; swap(): Promise<void> }>
  /** What the running instance reads at `<target>/marker`; `null` where it reads nothing. */
  read(ref: InstanceRef, target: string): Promise<string | null>
  /** What the running instance is told that writes to `<target>/marker`; empty where it may. */
  write(ref: InstanceRef, target: string): Promise<string>
}
