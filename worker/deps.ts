import type { Client } from '@temporalio/client'
import type { DataConverter } from '@temporalio/common'
import type { NativeConnection, WorkerInterceptors } from '@temporalio/worker'
import type { Db } from '../db/connect.ts'
import type { Listener } from '../db/listen.ts'
import type { ProviderRow } from '../db/providers.ts'
import type { Timings } from '../domain/timings.ts'
import type { Logger } from '../platform/logging.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { ComputeProvider } from '../ports/compute/provider.ts'

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
  readonly openProvider: (row: ProviderRow) => ComputeProvider
  readonly log: Logger
  /** Around every activity; the proofs inject their faults here. */
  readonly interceptors?: WorkerInterceptors
}
