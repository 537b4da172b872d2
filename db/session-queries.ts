import { sql } from 'kysely'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { ProjectRole } from '../domain/authorization.ts'
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
  /** Which of those who asked it answers, from 1. */
  readonly place: number
  readonly server: string
  /** `null`: there is no such session. */
  readonly version: string | null
  /** `null`: its version is the one that is kept. */
  readonly session: SessionRow | null
}

const bearersAndSessions = statement<BearerRow & SessionOrNone & Standing>(`
  select ask.place::int, ${bearerColumns}, ${serverStart} as server, one.version, m.role,
    ${collaborates('one.id', 'account.id')},
    case when one.version = ask.version and ${serverStart} = ask.server then null else to_json(one) end as session
  from unnest($1::bytea[], $2::text[], $3::text[], $4::text[]) with ordinality as ask (hash, id, version, server, place)
  join (${bearers}) on token.hash = ask.hash
  left join lateral (select ${sessionColumns} from ${sessionJoined} where s.id = ask.id) as one on true
  left join project_member m on m.project_id = one.project_id and m.account_id = account.id
  where ${tokenHolds}`)

/** Whoever has the secret asks for the session. */
export interface BearerAsk {
  readonly secret: string
  readonly id: SessionId
}

export interface BearerAndSession {
  readonly bearer: Bearer
  /** `null`: there is no such session. */
  readonly found: FoundSession | null
}

/**
 * The bearer of each secret, as `findBearers` says, with the session and what the bearer's account is to it, all in one
 * statement. Of a session that is still as it is kept nothing but that is read.
 */
export async function findBearersAndSessions(db: Db, asks: readonly BearerAsk[]): Promise<(BearerAndSession | null)[]> {
  const kept = keptSessions(db)
  const known = asks.map(({ id }) => kept.last(id))
  const rows = await bearersAndSessions(db, [
    asks.map(({ secret }) => hashOf(secret)),
    asks.map(({ id }) => id),
    known.map((one) => one?.version ?? null),
    known.map((one) => one?.server ?? null),
  ])
  const answers: (BearerAndSession | null)[] = asks.map(() => null)
  for (const row of rows) {
    const at = row.place - 1
    const bearer = bearerOf(row)
    const session = row.session === null ? known[at]?.view : kept.keep(row.session, row.server)
    const found =
      row.version === null || session === undefined
        ? null
        : { session, relation: relationOf(session.ownerId, row, bearer.accountId) }
    answers[at] = { bearer, found }
  }
  return answers
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
