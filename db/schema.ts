import type { ColumnType, Generated } from 'kysely'
import type { PayerKind } from '../domain/admission.ts'
import type { AccountId, ProjectId, ProviderId, SessionId, TemplateId, TokenId } from '../domain/ids.ts'
import type { DisarmReason } from '../domain/epoch.ts'
import type { Reason, SessionState, WaitingFor } from '../domain/lifecycle.ts'
import type { Violation } from '../domain/admission.ts'
import type { ProjectRole, Role, Scope } from '../domain/authorization.ts'
import type { MountKind, ParameterValue, Sharing, TemplateSpec } from '../domain/template.ts'
import type { Posix } from '../domain/posix.ts'
import type { Volume } from '../domain/volumes.ts'

import type { AccountColumns, AccountTables } from './schema-accounts.ts'
import type { Json, JsonDefault, NullableJson, NullableTime, Time, TimeDefault } from './schema-columns.ts'
import type { DoorTables } from './schema-doors.ts'
import type {
  ExperimentColumns,
  ExperimentTables,
  MemberSourceColumns,
  ProjectSourceColumns,
} from './schema-experiments.ts'
import type { InstanceTables } from './schema-instances.ts'
import type { InvitationTables } from './schema-invitations.ts'
import type { MachineTables } from './schema-machines.ts'
import type { OutsideTables } from './schema-outside.ts'
import type { PauseColumns } from './schema-pause.ts'
import type { PeopleTables } from './schema-people.ts'
import type { PortalTables } from './schema-portals.ts'
import type { RegistryTables } from './schema-registry.ts'
import type { UpkeepTables } from './schema-upkeep.ts'

interface ResourceColumns {
  sessions: number
  cpu_milli: number
  memory_mib: number
  disk_mib: number
  gpus: number
}
type LimitColumns = {
  [C in keyof ResourceColumns]: ColumnType<number | null, number | null | undefined, number | null>
}

export interface MountRequest {
  readonly source: { readonly kind: MountKind; readonly id: string }
  readonly target: string
  readonly mode: 'ro' | 'rw'
}

export interface Refusal {
  readonly code: 'exceeds_limit' | 'quota_exceeded'
  readonly violations: readonly Violation[]
}

export type { Posix } from '../domain/posix.ts'
export type { StoredEndpoint, StoredRef, StoredReport, StoredUsage } from './schema-instances.ts'

export interface Database
  extends
    DoorTables,
    UpkeepTables,
    OutsideTables,
    RegistryTables,
    InstanceTables,
    PeopleTables,
    PortalTables,
    InvitationTables,
    MachineTables,
    AccountTables,
    ExperimentTables {
  installation: {
    one: Generated<boolean>
    deployment_id: Generated<string>
    epoch: Generated<number>
    tick: Generated<string>
    system_identifier: string | null
    database_oid: string | null
    temporal_namespace_id: string | null
    first_admin_at: NullableTime
    /** The place in the feed of the last event that retention deleted. */
    pruned_epoch: Generated<number>
    pruned_xid: Generated<string>
    pruned_id: Generated<string>
    disarmed_at: NullableTime
    disarmed_reason: ColumnType<DisarmReason | null, DisarmReason | null | undefined, DisarmReason | null>
    disarmed_epoch: number | null
    maintenance_since: NullableTime
    maintenance_until: NullableTime
    maintenance_text: string | null
    /** Raised by each change of the maintenance. */
    maintenance_version: Generated<number>
  }
  account: {
    id: AccountId
    display_name: string
    email: string | null
    organisation: string | null
    roles: Role[]
    groups: Generated<string[]>
    posix: NullableJson<Posix>
    version: Generated<number>
    created_at: TimeDefault
    disabled_at: NullableTime
    erase_requested_at: NullableTime
    erased_at: NullableTime
  } & AccountColumns
  token: {
    id: TokenId
    account_id: AccountId
    client: string
    name: string
    scopes: Scope[]
    hash: Buffer
    created_at: TimeDefault
    expires_at: Time
    last_used_at: NullableTime
    revoked_at: NullableTime
    /** Of one in a browser's cookie: when it ends unless it is used. */
    idle_until: NullableTime
    /** Of one that acts for others: whose accounts alone. */
    issuer: ColumnType<string | null, string | null | undefined, string | null>
    /** For a token of an issuer. */
    exchanged: Generated<boolean>
  }
  project: {
    id: ProjectId
    name: string
    description: Generated<string>
    personal_of: AccountId | null
    sharing: ColumnType<Sharing, Sharing | undefined, Sharing>
    version: Generated<number>
    created_at: TimeDefault
    closed_at: NullableTime
  } & ProjectSourceColumns
  project_member: {
    project_id: ProjectId
    account_id: AccountId
    role: ProjectRole
    added_at: TimeDefault
  } & MemberSourceColumns
  quota_default: { payer_kind: PayerKind } & LimitColumns
  quota: { payer_kind: PayerKind; payer_id: string; version: Generated<number> } & LimitColumns
  storage_source: {
    kind: MountKind
    id: string
    project_id: ProjectId | null
    provider_id: ProviderId
    /** Exactly one of the two stands. */
    host_path: string | null
    volume: NullableJson<Volume>
    modes: ('ro' | 'rw')[]
  }
  template: {
    id: TemplateId
    name: string
    origin: 'configuration' | 'api'
    current_version: number
    version: Generated<number>
    created_at: TimeDefault
    deactivated_at: NullableTime
  }
  template_version: {
    template_id: TemplateId
    version: number
    spec: Json<TemplateSpec>
    created_at: TimeDefault
    created_by: AccountId | null
  }
  session: {
    id: SessionId
    owner_id: AccountId
    started_by: AccountId
    client: string
    project_id: ProjectId
    template_id: TemplateId
    template_version: number
    provider_id: ProviderId
    name: string
    size: string
    parameters: Json<Record<string, ParameterValue>>
    /** Sealed JSON; gone when the session has ended. */
    secret_parameters: Buffer | null
    mounts: JsonDefault<readonly MountRequest[]>
    queue_limit_seconds: number
    start_limit_seconds: number
    lifetime_seconds: number
    requested_at: TimeDefault
    expires_at: NullableTime
    stop_requested_at: NullableTime
    stop_reason: Reason | null
    version: Generated<number>
    state: Generated<SessionState>
    reason: Reason | null
    refusal: NullableJson<Refusal>
    waiting_for: WaitingFor | null
    generation: Generated<number>
    state_since: TimeDefault
    queued_at: NullableTime
    dispatched_at: NullableTime
    ready_at: NullableTime
    ended_at: NullableTime
    lifetime_ends_at: NullableTime
    cleanup_overdue_at: NullableTime
    operator_detail: string | null
    progress_at: NullableTime
    /** When its backend means to begin it, where it says so. */
    expected_start_at: NullableTime
    abandon_requested_at: NullableTime
    outside: Generated<boolean>
    /** When retention cleared what was personal in it. */
    pruned_at: NullableTime
    /** When retention deleted its history but the end. */
    events_pruned_at: NullableTime
    /** Since when it does not work as it should although it is ready, and why. */
    degraded_at: NullableTime
    degraded_reason: ColumnType<string | null, string | null | undefined, string | null>
    event_seq: Generated<number>
    event_epoch: ColumnType<number, number | undefined, never>
    event_xid: ColumnType<string, string | undefined, never>
    wake_version: Generated<number>
    seen_version: Generated<number>
    next_try_at: TimeDefault
    tries: Generated<number>
  } & ResourceColumns &
    PauseColumns &
    ExperimentColumns
  reservation: {
    session_id: SessionId
    generation: number
    account_id: AccountId
    project_id: ProjectId
    provider_id: ProviderId
    /** Counts what the generation held one after the other. */
    part: Generated<number>
    reserved_at: TimeDefault
    released_at: NullableTime
  } & ResourceColumns
  session_usage: {
    session_id: SessionId
    generation: number
    part: Generated<number>
    account_id: AccountId
    project_id: ProjectId
    provider_id: ProviderId
    template_id: TemplateId
    template_version: number
    used_from: Time
    used_to: Time
    reason: Reason | null
    wall_seconds: number | null
    cpu_seconds: number | null
    gpu_seconds: number | null
  } & ResourceColumns
  session_event: {
    session_id: SessionId
    seq: number
    id: ColumnType<string, never, never>
    epoch: number
    xid: ColumnType<string, never, never>
    at: TimeDefault
    type: string
    data: Json<Record<string, unknown>>
  }
  audit_event: {
    id: ColumnType<string, never, never>
    at: TimeDefault
    account_id: string | null
    client: string | null
    on_behalf_of: string | null
    action: string
    subject_kind: string
    subject_id: string | null
    outcome: 'accepted' | 'refused'
    code: string | null
    request_id: string | null
    detail: JsonDefault<Record<string, unknown>>
  }
  idempotency_key: {
    account_id: AccountId
    client: string
    operation: string
    key: string
    body_hmac: string
    resource_id: string
    created_at: TimeDefault
  }
  beat: { role: string; at: Time }
  outage: { role: string; began_at: Time; ended_at: Time }
  dependency_status: {
    name: string
    state: 'ok' | 'degraded' | 'down'
    latency_ms: number | null
    since: Time
    checked_at: Time
    detail: string | null
  }
}
