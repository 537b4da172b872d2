import type { ColumnType, Generated } from 'kysely'
import type { Capabilities } from '../domain/capabilities.ts'
import type { AccountId, CheckId, ProviderId, SessionId } from '../domain/ids.ts'
import type { CheckCode, CheckFinding, CheckOutcome } from '../domain/provider-check.ts'
import type { JsonDefault, NullableJson, NullableTime, TimeDefault } from './schema-columns.ts'
import type { HandoverTables } from './schema-handover.ts'

/** The tables of the registry of providers. */
export interface RegistryTables extends HandoverTables {
  provider: {
    id: ProviderId
    kind: string
    origin: 'configuration' | 'api'
    start_limit: number
    networks: Generated<string[]>
    settings: JsonDefault<Record<string, unknown>>
    /** What of the settings is secret, sealed: given through the API alone. */
    secrets: ColumnType<Buffer | null, Buffer | null | undefined, Buffer | null>
    secret_names: Generated<string[]>
    /** Templates may name one of these rather than the provider. */
    classes: Generated<string[]>
    version: Generated<number>
    disabled_at: NullableTime
    draining_at: NullableTime
  }
  /** The links that are held open for sessions. */
  link: {
    provider_id: ProviderId
    deployment_id: string
    name: string
    session_id: SessionId
    generation: number
    made_at: TimeDefault
  }
  provider_health: {
    provider_id: ProviderId
    state: Generated<'closed' | 'open' | 'probing'>
    failures: Generated<number>
    retry_at: NullableTime
    since: TimeDefault
    probe_session_id: string | null
    detail: string | null
    observed_at: NullableTime
    observe_error: string | null
    observe_ms: number | null
    /** What its driver says of itself; told by whoever serves it. */
    capabilities: NullableJson<Capabilities>
    /** Why no worker could make its driver, since the last that did. */
    open_fault: ColumnType<CheckCode | null, CheckCode | null | undefined, CheckCode | null>
  }
  /** What operators wanted to know of a provider, and what was found. */
  provider_check: {
    id: CheckId
    provider_id: ProviderId
    requested_by: AccountId
    requested_at: TimeDefault
    next_try_at: TimeDefault
    tries: Generated<number>
    started_at: NullableTime
    ended_at: NullableTime
    outcome: ColumnType<CheckOutcome | null, CheckOutcome | null | undefined, CheckOutcome | null>
    findings: JsonDefault<CheckFinding[]>
  }
}
