import type { Client } from '@temporalio/client'
import type { DataConverter, WorkerDeploymentVersion } from '@temporalio/common'
import type { NativeConnection, WorkerInterceptors, WorkflowBundle } from '@temporalio/worker'
import type { Db } from '../db/connect.ts'
import type { Listener } from '../db/listen.ts'
import type { ProviderRow } from '../db/providers.ts'
import type { AccessRule, WithdrawalPolicy } from '../domain/experiment.ts'
import type { PosixRule } from '../domain/posix.ts'
import type { Retention } from '../domain/retention.ts'
import type { Timings } from '../domain/timings.ts'
import type { Logger } from '../platform/logging.ts'
import type { OwnService } from '../platform/own-listeners.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { AccessGateway } from '../ports/access/access-gateway.ts'
import type { Mailer } from '../ports/mail/mailer.ts'
import type { CatalogueOfSite } from '../activities/catalogue.ts'
import type { ComputeProvider } from '../ports/compute/provider.ts'
import type { BlindLimits } from './outside-blind.ts'

/** How mail goes out, and what the links in it lead to. */
export interface MailOpening {
  readonly open: () => Mailer
  readonly pageUrl: string
  readonly timeZone: string
  /** Told of each try to send, by what came of it. */
  readonly count?: (outcome: string) => void
}

/** What the workers of a process stand on; `main.ts` makes it. */
export interface WorkerDeps {
  readonly db: Db
  readonly listener: Listener
  readonly connection: NativeConnection
  readonly client: Client
  readonly namespace: string
  readonly dataConverter: DataConverter
  readonly timings: Timings
  readonly secrets: Secrets
  readonly deploymentId: string
  /** Makes the driver of a provider. `sealed`: what of its settings is secret. */
  readonly openProvider: (row: ProviderRow, sealed: Buffer | null) => ComputeProvider
  /** Carrel's own services: no endpoint of an instance is there. */
  readonly ownServices?: readonly OwnService[]
  /** Where instances report their ports; without it templates whose instances do cannot be started. */
  readonly reportUrl?: string
  /** Told of states of instances that the provider's driver does not name: none as it is opened, then each. */
  readonly countUnnamed?: (provider: string, sightings: number) => void
  /** Reaches the gateway outside; without it this worker does not serve it. Opened anew whenever its queue is. */
  readonly openAccess?: () => AccessGateway
  /** Sends mail; without it this worker does not serve it. */
  readonly mail?: MailOpening
  /** Told of tunnels at the gateway outside that were ended because Postgres did not answer. */
  readonly countUnverified?: (tunnels: number) => void
  /** A proof has less time. */
  readonly blindLimits?: Partial<BlindLimits>
  /** When data of experiments may be worked with; by default as `defaultAccessRule` says. */
  readonly access?: AccessRule
  /** The catalogues that are kept in step, by their names; none by default. A worker of the core asks them. */
  readonly catalogues?: {
    readonly sources: ReadonlyMap<string, CatalogueOfSite>
    readonly everyMs: number
    /** What people may be at this site; by default as `usualPosixRule` says. */
    readonly posix?: PosixRule
  }
  /** What is done with sessions whose owner may not use their data any more; by default they are stopped. */
  readonly withdrawn?: WithdrawalPolicy
  readonly log: Logger
  /** How long what is kept; by default as `defaultRetention` says. */
  readonly retention?: Retention
  /** Around every activity; the proofs inject their faults here. */
  readonly interceptors?: WorkerInterceptors
  /** The workflows as they were bundled before; by default they are bundled at the start. */
  readonly workflowBundle?: WorkflowBundle
  /** Ids of `patched()` changes that no run may begin to take: a run that recorded one keeps to it, all others go the old way. */
  readonly inactivePatches?: readonly string[]
  /** This build by its name, for a site that uses worker versioning; without it the worker is unversioned. */
  readonly version?: WorkerDeploymentVersion
  /** How long a stopping worker lets activities finish, 30 s unless a proof has less time. */
  readonly graceMs?: number
}
