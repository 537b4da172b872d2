import { sql } from 'kysely'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { ProjectRole } from '../domain/rights.ts'
import { bearerColumns, bearerOf, bearers, hashOf, tokenHolds } from './bearers.ts'
import type { Bearer, BearerRow } from './bearers.ts'
import type { Db, Executor } from './connect.ts'
import { keptSessions } from './kept-sessions.ts'
import { serverStart, sessionColumns, sessionJoined, sessionView } from './session-view.ts'
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
  if (row === undefined) return null
  return { session: sessionView(row.session), relation: relationOf(row.session.owner_id, row, accountId) }
}

interface SessionOrNone {
  readonly server: string
  /** `null`: there is no such session. */
  readonly version: string | null
  /** `null`: its version is the one that is kept. */
  readonly session: SessionRow | null
}

const bearerAndSession = statement<BearerRow & SessionOrNone & Standing>(`
  select ${bearerColumns}, ${serverStart} as server, one.version, m.role, ${collaborates('one.id', 'account.id')},
    case when one.version = $3 and ${serverStart} = $4 then null else to_json(one) end as session
  from ${bearers}
  left join (select ${sessionColumns} from ${sessionJoined} where s.id = $2) as one on true
  left join project_member m on m.project_id = one.project_id and m.account_id = account.id
  where token.hash = $1 and ${tokenHolds}`)

/**
 * The bearer of a secret, as `findByHash` says, with the session and what the bearer's account is to it, in one statement.
 * Of a session that is still as it is kept nothing but that is read.
 */
export async function findBearerAndSession(
  db: Db,
  secret: string,
  id: SessionId,
): Promise<{ readonly bearer: Bearer; readonly found: FoundSession | null } | null> {
  const kept = keptSessions(db)
  const known = kept.last(id)
  const [row] = await bearerAndSession(db, [hashOf(secret), id, known?.version ?? null, known?.server ?? null])
  if (row === undefined) return null
  const bearer = bearerOf(row)
  const session = row.session === null ? known?.view : kept.keep(row.session, row.server)
  if (row.version === null || session === undefined) return { bearer, found: null }
  return { bearer, found: { session, relation: relationOf(session.ownerId, row, bearer.accountId) } }
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
