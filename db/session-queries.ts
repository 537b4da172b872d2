import { sql } from 'kysely'
import { expiry } from '../domain/deadlines.ts'
import type { AccountId, ProjectId, ProviderId, SessionId, TemplateId } from '../domain/ids.ts'
import { liveStates } from '../domain/lifecycle.ts'
import type { Reason, SessionState, WaitingFor } from '../domain/lifecycle.ts'
import type { Resources } from '../domain/resources.ts'
import type { ProjectRole } from '../domain/rights.ts'
import type { DoorSpec, ParameterValue } from '../domain/template.ts'
import type { Executor } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { resourcesOf } from './resource-columns.ts'
import type { MountRequest, Refusal } from './schema.ts'

/** A session as it is shown: no address, no secret. */
export interface SessionView {
  readonly id: SessionId
  readonly name: string
  readonly ownerId: AccountId
  readonly startedBy: AccountId
  readonly projectId: ProjectId
  readonly template: { readonly id: TemplateId; readonly version: number; readonly name: string }
  readonly providerId: ProviderId
  readonly size: string
  readonly parameters: Readonly<Record<string, ParameterValue>>
  readonly mounts: readonly MountRequest[]
  readonly resources: Resources
  readonly doors: Readonly<Record<string, DoorSpec>>
  readonly state: SessionState
  readonly reason: Reason | null
  readonly refusal: Refusal | null
  readonly waitingFor: WaitingFor | null
  readonly generation: number
  /** Since when it has been in its state. */
  readonly stateSince: Date
  /** When its provider is tried again, where it waits for that. */
  readonly retryAt: Date | null
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
}

const sessions = (executor: Executor) =>
  executor
    .selectFrom('session as s')
    .innerJoin('template as t', 't.id', 's.template_id')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .leftJoin('provider_health as h', (join) =>
      join.onRef('h.provider_id', '=', 's.provider_id').on('h.state', '=', 'open').on('s.state', '=', 'queued'),
    )
    .selectAll('s')
    .select(['t.name as template_name', 'h.retry_at', sql<Record<string, DoorSpec>>`v.spec -> 'doors'`.as('doors')])
type Row = Awaited<ReturnType<ReturnType<typeof sessions>['executeTakeFirstOrThrow']>>

const time = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))

const view = (row: Row): SessionView => ({
  id: row.id,
  name: row.name,
  ownerId: row.owner_id,
  startedBy: row.started_by,
  projectId: row.project_id,
  template: { id: row.template_id, version: row.template_version, name: row.template_name },
  providerId: row.provider_id,
  size: row.size,
  parameters: row.parameters,
  mounts: row.mounts,
  resources: resourcesOf<number>(row),
  doors: row.doors,
  state: row.state,
  reason: row.reason,
  refusal: row.refusal,
  waitingFor: row.waiting_for,
  generation: row.generation,
  stateSince: row.state_since,
  retryAt: row.retry_at,
  requestedAt: row.requested_at,
  queuedAt: row.queued_at,
  readyAt: row.ready_at,
  endedAt: row.ended_at,
  expiresAt: time(expiry(row.expires_at?.getTime() ?? null, row.lifetime_ends_at?.getTime() ?? null)),
  stopRequestedAt: row.stop_requested_at,
  cleanupOverdueAt: row.cleanup_overdue_at,
  abandonRequestedAt: row.abandon_requested_at,
  operatorDetail: row.operator_detail,
  degraded:
    row.state === 'ready' && row.degraded_at !== null && row.degraded_reason !== null
      ? { reason: row.degraded_reason, since: row.degraded_at }
      : null,
})

export async function getSession(executor: Executor, id: SessionId): Promise<SessionView | null> {
  const row = await sessions(executor).where('s.id', '=', id).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** What somebody is to a session. */
export interface SessionRelation {
  readonly isOwner: boolean
  readonly projectRole: ProjectRole | null
  /** Its owner let it in, and that still holds. */
  readonly isCollaborator: boolean
}

/** Of rows of `session as s`. */
const isCollaborator = (accountId: AccountId) => sql<boolean>`exists (
  select from standing_collaborator c where c.session_id = s.id and c.account_id = ${accountId})`

/** The session, with what the account is to it. `null`: there is no such session. */
export async function findSession(
  executor: Executor,
  id: SessionId,
  accountId: AccountId,
): Promise<{ readonly session: SessionView; readonly relation: SessionRelation } | null> {
  const row = await sessions(executor)
    .leftJoin('project_member as m', (join) =>
      join.onRef('m.project_id', '=', 's.project_id').on('m.account_id', '=', accountId),
    )
    .select(['m.role', isCollaborator(accountId).as('is_collaborator')])
    .where('s.id', '=', id)
    .executeTakeFirst()
  return row === undefined ? null : { session: view(row), relation: relationOf(row, accountId) }
}

const relationOf = (
  row: { readonly owner_id: AccountId; readonly role: ProjectRole | null; readonly is_collaborator: boolean },
  accountId: AccountId,
): SessionRelation => ({
  isOwner: row.owner_id === accountId,
  projectRole: row.role,
  isCollaborator: row.is_collaborator,
})

export interface SessionFilter {
  /** Whose sessions: those it owns, those of its projects, and those it was let into. `null`: an operator, who sees all. */
  readonly viewer: AccountId | null
  /** `null`: every state but the ends, unless `ended`. */
  readonly states: readonly SessionState[] | null
  readonly ended: boolean
  readonly projectId: string | null
  readonly templateId: string | null
  readonly ownerId: string | null
  readonly providerId: string | null
  /** In their state for longer than this. */
  readonly olderThanSeconds: number | null
  /** Only those whose cleanup takes longer than its limit. */
  readonly overdue: boolean
  readonly requestedAfter: Date | null
  readonly requestedBefore: Date | null
}

/** Sessions, newest first. What has ended is left out unless it is asked for. */
export async function listSessions(
  executor: Executor,
  filter: SessionFilter,
  { after, limit }: PageAsk,
): Promise<Page<SessionView>> {
  const states = filter.states ?? (filter.ended ? null : liveStates)
  const { viewer, projectId, templateId, ownerId, providerId, requestedAfter, requestedBefore } = filter
  const rows = await sessions(executor)
    .$if(viewer !== null, (q) =>
      q.where((eb) =>
        eb.or([
          eb('s.owner_id', '=', viewer as AccountId),
          eb('s.project_id', 'in', (sub) =>
            sub
              .selectFrom('project_member')
              .select('project_id')
              .where('account_id', '=', viewer as AccountId),
          ),
          sql<boolean>`s.id in (select session_id from standing_collaborator where account_id = ${viewer})`,
        ]),
      ),
    )
    .$if(states !== null, (q) => q.where('s.state', 'in', [...(states ?? [])]))
    .$if(projectId !== null, (q) => q.where('s.project_id', '=', projectId as ProjectId))
    .$if(templateId !== null, (q) => q.where('s.template_id', '=', templateId as TemplateId))
    .$if(ownerId !== null, (q) => q.where('s.owner_id', '=', ownerId as AccountId))
    .$if(providerId !== null, (q) => q.where('s.provider_id', '=', providerId as ProviderId))
    .$if(filter.olderThanSeconds !== null, (q) =>
      q.where('s.state_since', '<', sql<Date>`now() - ${filter.olderThanSeconds} * interval '1 second'`),
    )
    .$if(filter.overdue, (q) => q.where('s.cleanup_overdue_at', 'is not', null).where('s.ended_at', 'is', null))
    .$if(requestedAfter !== null, (q) => q.where('s.requested_at', '>', requestedAfter as Date))
    .$if(requestedBefore !== null, (q) => q.where('s.requested_at', '<', requestedBefore as Date))
    .$if(after !== null, (q) => q.where('s.id', '<', after as SessionId))
    .orderBy('s.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, view)
}

/** What the account is to the session. `null`: there is no such session. */
export async function sessionRelation(
  executor: Executor,
  id: SessionId,
  accountId: AccountId,
): Promise<SessionRelation | null> {
  const row = await executor
    .selectFrom('session as s')
    .leftJoin('project_member as m', (join) =>
      join.onRef('m.project_id', '=', 's.project_id').on('m.account_id', '=', accountId),
    )
    .select(['s.owner_id', 'm.role', isCollaborator(accountId).as('is_collaborator')])
    .where('s.id', '=', id)
    .executeTakeFirst()
  return row === undefined ? null : relationOf(row, accountId)
}

/** Those of the sessions that are decided: no longer `requested`. */
export async function decidedOf(executor: Executor, ids: readonly SessionId[]): Promise<SessionId[]> {
  const rows = await executor
    .selectFrom('session')
    .select('id')
    .where('id', '=', sql<SessionId>`any(${[...ids]})`)
    .where('state', '<>', 'requested')
    .execute()
  return rows.map((row) => row.id)
}

/** Whether the session has come to an end. */
export async function hasEnded(executor: Executor, id: SessionId): Promise<boolean> {
  const row = await executor.selectFrom('session').select('ended_at').where('id', '=', id).executeTakeFirst()
  return row !== undefined && row.ended_at !== null
}
