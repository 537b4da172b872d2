import type { AccountId, SessionId } from '../domain/ids.ts'
import { isEnd, liveStates } from '../domain/lifecycle.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { Db } from './connect.ts'
import { keptSessions } from './kept-sessions.ts'
import type { SessionVersion } from './kept-sessions.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { health, serverStart, sessionColumns, sessionJoined, sessionVersion } from './session-view.ts'
import type { SessionRow, SessionView } from './session-view.ts'
import { statement } from './statement.ts'

export interface SessionFilter {
  /** `null`: every state but the ends, unless `ended`. */
  readonly states: readonly SessionState[] | null
  readonly ended: boolean
  readonly projectId: string | null
  readonly experimentId: string | null
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

/** Which sessions, and which page of them. */
export interface SessionsAsk extends PageAsk {
  /** Who is to see them; `null`: an operator, who sees all. */
  readonly viewer: AccountId | null
  readonly filter: SessionFilter
}

/**
 * The sessions `s` of a page, as a part of a statement's `from`, and its end, which orders and limits them. Adds what they stand
 * on to the statement's parameters. Whoever sees few of many has no more read than a page of his own, of each of his projects',
 * and of those that he was let into: asked for in one condition, all sessions that ever were would be gone through.
 */
function chosen(
  { viewer, filter, after, limit }: SessionsAsk,
  parameters: unknown[],
): { readonly sessions: string; readonly end: string } {
  const conditions: string[] = []
  const place = (value: unknown) => `$${parameters.push(value)}`
  const where = (value: unknown, condition: (place: string) => string) => {
    if (value !== null) conditions.push(condition(place(value)))
  }
  const states = filter.states ?? (filter.ended ? null : liveStates)
  where(states, (n) => `s.state = any(${n})`)
  // The states say so already; there is an index of what has not ended.
  if (states?.some(isEnd) === false) conditions.push('s.ended_at is null')
  where(filter.projectId, (n) => `s.project_id = ${n}`)
  where(filter.experimentId, (n) => `s.experiment_id = ${n}`)
  where(filter.templateId, (n) => `s.template_id = ${n}`)
  where(filter.ownerId, (n) => `s.owner_id = ${n}`)
  where(filter.providerId, (n) => `s.provider_id = ${n}`)
  where(filter.olderThanSeconds, (n) => `s.state_since < now() - ${n}::int * interval '1 second'`)
  if (filter.overdue) conditions.push('s.cleanup_overdue_at is not null and s.ended_at is null')
  where(filter.requestedAfter, (n) => `s.requested_at > ${n}`)
  where(filter.requestedBefore, (n) => `s.requested_at < ${n}`)
  where(after, (n) => `s.id < ${n}`)
  const end = `order by s.id desc limit ${place(limit + 1)}`
  const those = (from: string, condition: string) =>
    `(select ${chosenColumns} from ${from} where ${[condition, ...conditions].join(' and ')} ${end})`
  if (viewer === null) return { sessions: `${those('session s', 'true')} as s`, end }
  const me = place(viewer)
  const sessions = `(${those('session s', `s.owner_id = ${me}`)}
    union all (select ${chosenColumns} from project_member m cross join lateral
      ${those('session s', `s.project_id = m.project_id and s.owner_id <> ${me}`)} as s where m.account_id = ${me})
    union all ${those(
      'standing_collaborator k join session s on s.id = k.session_id',
      `k.account_id = ${me}
        and not exists (select from project_member m where m.project_id = s.project_id and m.account_id = ${me})`,
    )}) as s`
  return { sessions, end }
}

/** What a version is made of. */
const chosenColumns = 's.id, s.xmin, s.provider_id, s.state'

interface VersionsRow {
  readonly server: string
  /** The ids with their versions, as `versionsIn` reads them; `null`: there are none. */
  readonly versions: string | null
}

const versionsIn = ({ server, versions }: VersionsRow): SessionVersion[] =>
  (versions === null ? [] : versions.split(',')).map((text) => {
    const end = text.indexOf(' ')
    // Ids hold no blank.
    return { id: text.slice(0, end) as SessionId, server, version: text.slice(end + 1) }
  })

/** Sessions that the viewer sees, newest first. What has ended is left out unless it is asked for. */
export async function listSessions(db: Db, ask: SessionsAsk): Promise<Page<SessionView>> {
  const parameters: unknown[] = []
  const { sessions, end } = chosen(ask, parameters)
  const read = statement<VersionsRow>(`select ${serverStart} as server, (select string_agg(one.version, ',')
    from (select s.id || ' ' || ${sessionVersion} as version from ${sessions} ${health} ${end}) as one) as versions`)
  const [row] = await read(db, parameters)
  return await pageOfVersions(db, row === undefined ? [] : versionsIn(row), ask)
}

interface SessionsRow {
  readonly server: string
  readonly sessions: readonly SessionRow[] | null
}

const some = statement<SessionsRow>(`select ${serverStart} as server, (select json_agg(one)
  from (select ${sessionColumns} from ${sessionJoined} where s.id = any($1)) as one) as sessions`)

/** The page as it was when its versions were read. What is not kept of it is read now; where that has changed since, all is. */
async function pageOfVersions(
  db: Db,
  versions: readonly SessionVersion[],
  ask: SessionsAsk,
): Promise<Page<SessionView>> {
  const kept = keptSessions(db)
  const views = new Map<SessionId, SessionView>()
  const wanted: SessionVersion[] = []
  for (const version of versions.slice(0, ask.limit)) {
    const view = kept.of(version)
    if (view === undefined) wanted.push(version)
    else views.set(version.id, view)
  }
  if (wanted.length > 0) {
    const [read] = await some(db, [wanted.map(({ id }) => id)])
    const rows = new Map((read?.sessions ?? []).map((row) => [row.id, row]))
    for (const { id, server, version } of wanted) {
      const row = rows.get(id)
      if (row === undefined || read === undefined || read.server !== server || row.version !== version)
        return await pageNow(db, ask)
      views.set(id, kept.keep(row, server))
    }
  }
  // Each of the page was found above.
  return pageOf(versions, ask.limit, ({ id }) => views.get(id) as SessionView)
}

async function pageNow(db: Db, ask: SessionsAsk): Promise<Page<SessionView>> {
  const parameters: unknown[] = []
  const { sessions, end } = chosen(ask, parameters)
  const read = statement<SessionsRow>(`select ${serverStart} as server, (select json_agg(one)
    from (select ${sessionColumns} from ${sessionJoined}
      where s.id = any(array(select s.id from ${sessions} ${end})) ${end}) as one) as sessions`)
  const [row] = await read(db, parameters)
  return pageOf(row?.sessions ?? [], ask.limit, (found) => keptSessions(db).keep(found, row?.server ?? ''))
}
