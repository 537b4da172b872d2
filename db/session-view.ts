import { expiry } from '../domain/deadlines.ts'
import type { AccountId, ExperimentId, ProjectId, ProviderId, SessionId, TemplateId } from '../domain/ids.ts'
import type { Reason, SessionState, WaitingFor } from '../domain/lifecycle.ts'
import type { PauseWish, ResumeRefusal } from '../domain/pausing.ts'
import type { Resources } from '../domain/resources.ts'
import type { DoorSpec, ParameterValue } from '../domain/template.ts'
import { resourcesOf } from './resource-columns.ts'
import type { MountRequest, Refusal } from './schema.ts'

/** A session as it is shown: no address, no secret. */
export interface SessionView {
  readonly id: SessionId
  readonly name: string
  readonly ownerId: AccountId
  readonly startedBy: AccountId
  readonly projectId: ProjectId
  readonly experimentId: ExperimentId | null
  readonly template: { readonly id: TemplateId; readonly version: number; readonly name: string }
  readonly providerId: ProviderId
  readonly size: string
  readonly parameters: Readonly<Record<string, ParameterValue>>
  readonly mounts: readonly MountRequest[]
  readonly resources: Resources
  readonly doors: Readonly<Record<string, DoorSpec>>
  /** It has one door, which leads where its template says. */
  readonly isLink: boolean
  readonly state: SessionState
  readonly reason: Reason | null
  readonly refusal: Refusal | null
  readonly waitingFor: WaitingFor | null
  readonly generation: number
  /** Since when it has been in its state. */
  readonly stateSince: Date
  /** When its provider is tried again, where it waits for that. */
  readonly retryAt: Date | null
  /** When its backend means to begin it, where it waits there and the backend says so. */
  readonly expectedStartAt: Date | null
  readonly requestedAt: Date
  readonly queuedAt: Date | null
  readonly readyAt: Date | null
  readonly endedAt: Date | null
  readonly expiresAt: Date | null
  readonly stopRequestedAt: Date | null
  readonly cleanupOverdueAt: Date | null
  readonly abandonRequestedAt: Date | null
  readonly operatorDetail: string | null
  /** Why it does not work as it should although it is ready, and since when. */
  readonly degraded: { readonly reason: string; readonly since: Date } | null
  /** What was asked about its resting, and is not done. */
  readonly pauseWish: PauseWish | null
  /** Ready at a provider that can pause it and keep what it stored. */
  readonly pausable: boolean
  /** Why it is still paused, although it was to go on. */
  readonly resumeRefusal: ResumeRefusal | null
}

/** A session's row as JSON gives it: one value that is parsed at once costs a third of forty that are parsed one by one. */
export interface SessionRow {
  readonly id: SessionId
  readonly name: string
  readonly owner_id: AccountId
  readonly started_by: AccountId
  readonly project_id: ProjectId
  readonly experiment_id: ExperimentId | null
  readonly template_id: TemplateId
  readonly template_version: number
  readonly template_name: string
  readonly provider_id: ProviderId
  readonly size: string
  readonly parameters: Readonly<Record<string, ParameterValue>>
  readonly mounts: readonly MountRequest[]
  readonly sessions: number
  readonly cpu_milli: number
  readonly memory_mib: number
  readonly disk_mib: number
  readonly gpus: number
  readonly doors: Readonly<Record<string, DoorSpec>>
  readonly is_link: boolean
  readonly state: SessionState
  readonly reason: Reason | null
  readonly refusal: Refusal | null
  readonly waiting_for: WaitingFor | null
  readonly generation: number
  readonly state_since: string
  readonly retry_at: string | null
  readonly expected_start_at: string | null
  readonly requested_at: string
  readonly queued_at: string | null
  readonly ready_at: string | null
  readonly ended_at: string | null
  readonly expires_at: string | null
  readonly lifetime_ends_at: string | null
  readonly stop_requested_at: string | null
  readonly cleanup_overdue_at: string | null
  readonly abandon_requested_at: string | null
  readonly operator_detail: string | null
  readonly degraded_at: string | null
  readonly degraded_reason: string | null
  readonly resume_refusal: ResumeRefusal | null
  readonly pause_wish: PauseWish | null
  readonly pausable: boolean
  readonly version: string
}

/**
 * Whether a session `s` with its template's version `v` has something that stays while it is paused: on Kubernetes the Pod goes, and
 * only a workspace stays. Never changes: neither does a provider's kind.
 */
export const keepsAtRest = `(v.spec #> '{backend,kubernetes,workspace}' is not null
    or not exists (select from provider k where k.id = s.provider_id and k.kind = 'kubernetes'))`

/** Another one where anything that changes in a view is another one: see `KeptSessions`. Of a session `s` with its `health`. */
export const sessionVersion = `s.xmin || coalesce(' ' || h.retry_at, '') || case when c.provider_id is null then '' else ' p' end`
export const health = `left join provider_health h on h.provider_id = s.provider_id and h.state = 'open' and s.state = 'queued'
  left join provider_health c on c.provider_id = s.provider_id and s.state = 'ready' and c.capabilities @> '{"pause": true}'`
/** When the server started: another server, and a restored one, has another time. */
export const serverStart = 'pg_postmaster_start_time()::text'

/** What a `SessionRow` is made of, from `sessionJoined`. */
export const sessionColumns = `s.id, s.name, s.owner_id, s.started_by, s.project_id, s.experiment_id, s.template_id, s.template_version,
  t.name as template_name, s.provider_id, s.size, s.parameters, s.mounts, s.sessions, s.cpu_milli, s.memory_mib, s.disk_mib,
  s.gpus, v.spec -> 'doors' as doors, v.spec #> '{backend,link}' is not null as is_link, s.state, s.reason, s.refusal, s.waiting_for, s.generation, s.state_since, h.retry_at,
  s.requested_at, s.queued_at, s.ready_at, s.ended_at, s.expires_at, s.lifetime_ends_at, s.stop_requested_at,
  s.expected_start_at, s.cleanup_overdue_at, s.abandon_requested_at, s.operator_detail, s.degraded_at, s.degraded_reason, s.resume_refusal,
  case when s.pause_wish_number > s.pause_settled_number then s.pause_wish end as pause_wish, c.provider_id is not null and ${keepsAtRest} as pausable,
  ${sessionVersion} as version`
export const sessionJoined = `session s
  join template t on t.id = s.template_id
  join template_version v on v.template_id = s.template_id and v.version = s.template_version
  ${health}`

/** Years of five digits, which older releases took, need a sign. */
const dateFrom = (text: string): Date => new Date(/^\d{5}/.test(text) ? `+0${text}` : text)
const time = (text: string | null): Date | null => (text === null ? null : dateFrom(text))
const ms = (text: string | null): number | null => (text === null ? null : dateFrom(text).getTime())
const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at))

/** States in which a backend may let a session wait. */
const awaitsBackend: readonly SessionState[] = ['provisioning', 'resuming']

export const sessionView = (row: SessionRow): SessionView => ({
  id: row.id,
  name: row.name,
  ownerId: row.owner_id,
  startedBy: row.started_by,
  projectId: row.project_id,
  experimentId: row.experiment_id,
  template: { id: row.template_id, version: row.template_version, name: row.template_name },
  providerId: row.provider_id,
  size: row.size,
  parameters: row.parameters,
  mounts: row.mounts,
  resources: resourcesOf<number>(row),
  doors: row.doors,
  isLink: row.is_link,
  state: row.state,
  reason: row.reason,
  refusal: row.refusal,
  waitingFor: row.waiting_for,
  generation: row.generation,
  stateSince: dateFrom(row.state_since),
  retryAt: time(row.retry_at),
  expectedStartAt: awaitsBackend.includes(row.state) ? time(row.expected_start_at) : null,
  requestedAt: dateFrom(row.requested_at),
  queuedAt: time(row.queued_at),
  readyAt: time(row.ready_at),
  endedAt: time(row.ended_at),
  expiresAt: dateOf(expiry(ms(row.expires_at), ms(row.lifetime_ends_at))),
  stopRequestedAt: time(row.stop_requested_at),
  cleanupOverdueAt: time(row.cleanup_overdue_at),
  abandonRequestedAt: time(row.abandon_requested_at),
  operatorDetail: row.operator_detail,
  degraded:
    row.state === 'ready' && row.degraded_at !== null && row.degraded_reason !== null
      ? { reason: row.degraded_reason, since: new Date(row.degraded_at) }
      : null,
  pauseWish: row.pause_wish,
  pausable: row.pausable,
  // A later wish takes its place, and is not decided yet.
  resumeRefusal: row.state === 'paused' && row.pause_wish === null ? row.resume_refusal : null,
})
