import { sql } from 'kysely'
import type { AccountId, SessionId } from '../domain/ids.ts'
import { liveStates } from '../domain/lifecycle.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { ProjectRole } from '../domain/rights.ts'
import { bearerColumns, bearerOf, bearers, hashOf, tokenHolds } from './bearers.ts'
import type { Bearer, BearerRow } from './bearers.ts'
import type { Executor } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { sessionColumns, sessionJoined, sessionView } from './session-view.ts'
import type { SessionRow, SessionView } from './session-view.ts'
import { statement } from './statement.ts'

const oneSession = statement<{ readonly session: SessionRow }>(`
  select to_json(one) as session from (select ${sessionColumns} from ${sessionJoined} where s.id = $1) as one`)

export async function getSession(executor: Executor, id: SessionId): Promise<SessionView | null> {
  const [row] = await oneSession(executor, [id])
  return row === undefined ? null : sessionView(row.session)
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

const found = (session: SessionRow, standing: Standing, accountId: AccountId): FoundSession => ({
  session: sessionView(session),
  relation: relationOf(session.owner_id, standing, accountId),
})

/** Whether the account, as SQL says it, was let into the session, as SQL says it. */
const collaborates = (session: string, account: string) =>
  `exists (select from standing_collaborator c where c.session_id = ${session} and c.account_id = ${account}) as collaborates`

const sessionAndRole = statement<{ readonly session: SessionRow } & Standing>(`
  select to_json(one) as session, m.role, ${collaborates('one.id', '$2')}
  from (select ${sessionColumns} from ${sessionJoined} where s.id = $1) as one
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

const bearerAndSession = statement<BearerRow & { readonly session: SessionRow | null } & Standing>(`
  select ${bearerColumns}, to_json(one) as session, m.role, ${collaborates('one.id', 'account.id')} from ${bearers}
  left join (select ${sessionColumns} from ${sessionJoined} where s.id = $2) as one on true
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
  const page = statement<{ readonly sessions: readonly SessionRow[] | null }>(`
    select json_agg(one) as sessions
    from (select ${sessionColumns} from ${sessionJoined} where ${all} order by s.id desc limit $1) as one`)
  const [row] = await page(executor, parameters)
  return pageOf(row?.sessions ?? [], limit, sessionView)
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
