import { sql } from 'kysely'
import { expiry } from '../domain/deadlines.ts'
import type { AccountId, ProjectId, ProviderId, SessionId, TemplateId } from '../domain/ids.ts'
import { liveStates } from '../domain/lifecycle.ts'
import type { Reason, SessionState, WaitingFor } from '../domain/lifecycle.ts'
import type { Resources } from '../domain/resources.ts'
import type { ProjectRole } from '../domain/rights.ts'
import type { DoorSpec, ParameterValue } from '../domain/template.ts'
import { bearerColumns, bearerOf, bearers, hashOf, tokenHolds } from './bearers.ts'
import type { Bearer, BearerRow } from './bearers.ts'
import type { Executor } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { resourcesOf } from './resource-columns.ts'
import type { MountRequest, Refusal } from './schema.ts'
import { statement } from './statement.ts'

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

/** A session's row as JSON gives it: one value that is parsed at once costs a third of forty that are parsed one by one. */
interface Row {
  readonly id: SessionId
  readonly name: string
  readonly owner_id: AccountId
  readonly started_by: AccountId
  readonly project_id: ProjectId
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
  readonly state: SessionState
  readonly reason: Reason | null
  readonly refusal: Refusal | null
  readonly waiting_for: WaitingFor | null
  readonly generation: number
  readonly state_since: string
  readonly retry_at: string | null
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
}

/** What a `Row` is made of, from `joined`. */
const columns = `s.id, s.name, s.owner_id, s.started_by, s.project_id, s.template_id, s.template_version,
  t.name as template_name, s.provider_id, s.size, s.parameters, s.mounts, s.sessions, s.cpu_milli, s.memory_mib, s.disk_mib,
  s.gpus, v.spec -> 'doors' as doors, s.state, s.reason, s.refusal, s.waiting_for, s.generation, s.state_since, h.retry_at,
  s.requested_at, s.queued_at, s.ready_at, s.ended_at, s.expires_at, s.lifetime_ends_at, s.stop_requested_at,
  s.cleanup_overdue_at, s.abandon_requested_at, s.operator_detail, s.degraded_at, s.degraded_reason`
const joined = `session s
  join template t on t.id = s.template_id
  join template_version v on v.template_id = s.template_id and v.version = s.template_version
  left join provider_health h on h.provider_id = s.provider_id and h.state = 'open' and s.state = 'queued'`

/** Years of five digits, which older releases took, need a sign. */
const dateFrom = (text: string): Date => new Date(/^\d{5}/.test(text) ? `+0${text}` : text)
const time = (text: string | null): Date | null => (text === null ? null : dateFrom(text))
const ms = (text: string | null): number | null => (text === null ? null : dateFrom(text).getTime())
const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at))

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
  stateSince: dateFrom(row.state_since),
  retryAt: time(row.retry_at),
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
})

const oneSession = statement<{ readonly session: Row }>(`
  select to_json(one) as session from (select ${columns} from ${joined} where s.id = $1) as one`)

export async function getSession(executor: Executor, id: SessionId): Promise<SessionView | null> {
  const [row] = await oneSession(executor, [id])
  return row === undefined ? null : view(row.session)
}

/** What somebody is to a session. */
export interface SessionRelation {
  readonly isOwner: boolean
  readonly projectRole: ProjectRole | null
  /** Its owner let it in, and that still holds. */
  readonly isCollaborator: boolean
}

/** A session, and what the account that was asked about is to it. */
export interface FoundSession {
  readonly session: SessionView
  readonly relation: SessionRelation
}

/** What a relation is made of, beside the session's owner. */
interface Standing {
  readonly role: ProjectRole | null
  readonly collaborates: boolean
}

const relationOf = (ownerId: AccountId, { role, collaborates }: Standing, accountId: AccountId): SessionRelation => ({
  isOwner: ownerId === accountId,
  projectRole: role,
  isCollaborator: collaborates,
})

const found = (session: Row, standing: Standing, accountId: AccountId): FoundSession => ({
  session: view(session),
  relation: relationOf(session.owner_id, standing, accountId),
})

/** Whether the account, as SQL says it, was let into the session, as SQL says it. */
const collaborates = (session: string, account: string) =>
  `exists (select from standing_collaborator c where c.session_id = ${session} and c.account_id = ${account}) as collaborates`

const sessionAndRole = statement<{ readonly session: Row } & Standing>(`
  select to_json(one) as session, m.role, ${collaborates('one.id', '$2')}
  from (select ${columns} from ${joined} where s.id = $1) as one
  left join project_member m on m.project_id = one.project_id and m.account_id = $2`)

/** The session, with what the account is to it. `null`: there is no such session. */
export async function findSession(
  executor: Executor,
  id: SessionId,
  accountId: AccountId,
): Promise<FoundSession | null> {
  const [row] = await sessionAndRole(executor, [id, accountId])
  return row === undefined ? null : found(row.session, row, accountId)
}

const bearerAndSession = statement<BearerRow & { readonly session: Row | null } & Standing>(`
  select ${bearerColumns}, to_json(one) as session, m.role, ${collaborates('one.id', 'account.id')} from ${bearers}
  left join (select ${columns} from ${joined} where s.id = $2) as one on true
  left join project_member m on m.project_id = one.project_id and m.account_id = account.id
  where token.hash = $1 and ${tokenHolds}`)

/** The bearer of a secret, as `findByHash` says, with the session and what the bearer's account is to it, in one statement. */
export async function findBearerAndSession(
  executor: Executor,
  secret: string,
  id: SessionId,
): Promise<{ readonly bearer: Bearer; readonly found: FoundSession | null } | null> {
  const [row] = await bearerAndSession(executor, [hashOf(secret), id])
  if (row === undefined) return null
  const bearer = bearerOf(row)
  return { bearer, found: row.session === null ? null : found(row.session, row, bearer.accountId) }
}

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
  const parameters: unknown[] = [limit + 1]
  const conditions: string[] = []
  const where = (value: unknown, condition: (place: string) => string) => {
    if (value === null) return
    parameters.push(value)
    conditions.push(condition(`$${parameters.length}`))
  }
  where(
    filter.viewer,
    (n) => `(s.owner_id = ${n} or s.project_id in (select project_id from project_member where account_id = ${n})
      or s.id in (select session_id from standing_collaborator where account_id = ${n}))`,
  )
  where(filter.states ?? (filter.ended ? null : liveStates), (n) => `s.state = any(${n})`)
  where(filter.projectId, (n) => `s.project_id = ${n}`)
  where(filter.templateId, (n) => `s.template_id = ${n}`)
  where(filter.ownerId, (n) => `s.owner_id = ${n}`)
  where(filter.providerId, (n) => `s.provider_id = ${n}`)
  where(filter.olderThanSeconds, (n) => `s.state_since < now() - ${n}::int * interval '1 second'`)
  if (filter.overdue) conditions.push('s.cleanup_overdue_at is not null and s.ended_at is null')
  where(filter.requestedAfter, (n) => `s.requested_at > ${n}`)
  where(filter.requestedBefore, (n) => `s.requested_at < ${n}`)
  where(after, (n) => `s.id < ${n}`)
  const all = conditions.length === 0 ? 'true' : conditions.join(' and ')
  const page = statement<{ readonly sessions: readonly Row[] | null }>(`
    select json_agg(one) as sessions
    from (select ${columns} from ${joined} where ${all} order by s.id desc limit $1) as one`)
  const [row] = await page(executor, parameters)
  return pageOf(row?.sessions ?? [], limit, view)
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
    .select(['s.owner_id', 'm.role'])
    .select(
      sql<boolean>`exists (select from standing_collaborator c where c.session_id = s.id and c.account_id = ${accountId})`.as(
        'collaborates',
      ),
    )
    .where('s.id', '=', id)
    .executeTakeFirst()
  return row === undefined ? null : relationOf(row.owner_id, row, accountId)
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
