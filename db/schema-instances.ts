import type { OfExperiment } from '../domain/experiment.ts'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { Posix } from '../domain/posix.ts'
import type { JsonDefault, NullableJson, NullableTime, TimeDefault } from './schema-columns.ts'

/** Where a port of an instance is reached; kept as the driver said it. */
export interface StoredEndpoint {
  readonly port: number
  readonly host: string
  readonly hostPort: number
  /** It speaks TLS with the one certificate of this SHA-256. */
  readonly fingerprint?: string
}

/** What an instance said of itself, once; its ports as the template calls them. */
export interface StoredReport {
  readonly ports: Readonly<Record<string, number>>
  readonly fingerprint?: string
}

/** By the backend's own numbers. */
export interface StoredUsage {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly gpuSeconds: number
}

export interface StoredRef {
  readonly name: string
  readonly deploymentId: string
  readonly ids?: Readonly<Record<string, string>>
}

export interface InstanceTables {
  instance: {
    session_id: SessionId
    generation: number
    provider_id: ProviderId
    name: string
    secret: Buffer
    ref: NullableJson<StoredRef>
    endpoints: JsonDefault<readonly StoredEndpoint[]>
    seen: 'pending' | 'running' | 'paused' | 'exited' | 'absent' | null
    created_at: TimeDefault
    made_at: NullableTime
    /** Sealed: what it may report its ports with, once. Its hash stays when it is gone. */
    report_token: Buffer | null
    report_hash: Buffer | null
    reported: NullableJson<StoredReport>
    reported_at: NullableTime
    /** What the backend says that it waits for. */
    pending_reason: string | null
    /** When the backend itself will end it. */
    ends_at: NullableTime
    usage: NullableJson<StoredUsage>
    /** As whom it runs, where that is its account's user. */
    runs_as: NullableJson<Posix>
    /** What of its experiment it was made with. */
    of_experiment: NullableJson<OfExperiment>
    tombstoned_at: NullableTime
    removed_at: NullableTime
  }
}
