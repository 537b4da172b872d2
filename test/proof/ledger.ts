import { sql } from 'kysely'
import type { Db } from '../../db/connect.ts'
import type { SessionId } from '../../domain/ids.ts'
import { endOf, isEnd, mayFollow, sessionStates } from '../../domain/lifecycle.ts'
import type { Reason, SessionState } from '../../domain/lifecycle.ts'

/** What a backend holds, by the labels it carries. */
export interface HeldInstance {
  readonly sessionId: string
  readonly generation: number
  readonly name: string
}

export interface SessionLine {
  readonly id: SessionId
  readonly state: SessionState
  readonly reason: Reason | null
  readonly generation: number
  readonly ended: boolean
  /** The starter has still to tell somebody. */
  readonly due: boolean
  readonly eventSeq: number
}

interface InstanceLine {
  readonly session: string
  readonly generation: number
  readonly tombstoned: boolean
  readonly removed: boolean
}

interface ReservationLine {
  readonly session: string
  readonly generation: number
  readonly held: boolean
  readonly sessions: number
  readonly metered: boolean
}

interface HistoryLine {
  readonly session: string
  readonly states: readonly string[]
  readonly last: number
}

/** What the rows say, read in one snapshot. */
export interface Ledger {
  readonly sessions: readonly SessionLine[]
  readonly instances: readonly InstanceLine[]
  readonly reservations: readonly ReservationLine[]
  readonly histories: readonly HistoryLine[]
}

/** Reads the books of some sessions, or of all. */
export async function readLedger(db: Db, ids?: readonly SessionId[]): Promise<Ledger> {
  const of = (column: string) => (ids === undefined ? sql`true` : sql`${sql.ref(column)} = any(${[...ids]})`)
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const sessions = await sql<SessionLine>`
        select id, state, reason, generation, ended_at is not null as ended, event_seq as "eventSeq",
          (seen_version < wake_version or (ended_at is null and (state = 'stopping' or stop_requested_at is not null))) as due
        from session where ${of('id')} order by id`.execute(trx)
      const instances = await sql<InstanceLine>`
        select session_id as session, generation, tombstoned_at is not null as tombstoned, removed_at is not null as removed
        from instance where ${of('session_id')}`.execute(trx)
      const reservations = await sql<ReservationLine>`
        select session_id as session, generation, released_at is null as held, sessions,
          exists (select 1 from session_usage u where u.session_id = r.session_id and u.generation = r.generation) as metered
        from reservation r where ${of('session_id')}`.execute(trx)
      const histories = await sql<HistoryLine>`
        select session_id as session, max(seq)::int as last,
          coalesce(array_agg(data->>'state' order by seq) filter (where type = 'session.state'), '{}') as states
        from session_event where ${of('session_id')} group by session_id`.execute(trx)
      return {
        sessions: sessions.rows,
        instances: instances.rows,
        reservations: reservations.rows,
        histories: histories.rows,
      }
    })
}

/** States from which nothing was reserved yet, or in which it may be given back already. */
const mayHoldNothing: readonly SessionState[] = ['requested', 'stopping']
/** States in which a backend must have the instance, and in which it may. */
const mustRun: readonly SessionState[] = ['ready']
const mayRun: readonly SessionState[] = ['queued', 'provisioning', 'ready', 'pausing', 'paused', 'resuming', 'stopping']

/** A state that is one, its end if it has one, and the reason that leads there. */
export function stateBreaches({ id, state, reason, ended }: SessionLine, allEnded: boolean): string[] {
  if (!sessionStates.includes(state)) return [`${id} is in no state of the lifecycle: ${state}`]
  if (!isEnd(state))
    return [
      ...(allEnded ? [`${id} has not ended, it is ${state}`] : []),
      ...(ended ? [`${id} is ${state}, and has a time of its end`] : []),
    ]
  const right = reason !== null && endOf(reason) === state
  return [
    ...(right ? [] : [`${id} is ${state} for the reason ${String(reason)}`]),
    ...(ended ? [] : [`${id} is ${state} without a time of its end`]),
  ]
}

/** Reservations and live sessions belong together, one to one; what was given back is metered. */
export function booksBreaches({ sessions, reservations }: Ledger): string[] {
  const present = new Map(sessions.map((s) => [s.id as string, s]))
  const wrong = reservations.flatMap((r) => {
    const session = present.get(r.session)
    const who = `${r.session} (generation ${r.generation})`
    if (!r.held) return r.sessions > 0 && !r.metered ? [`${who} gave back what it held, and it was not metered`] : []
    if (session === undefined) return [`${who} holds a reservation, and there is no such session`]
    if (isEnd(session.state)) return [`${who} holds a reservation, and is ${session.state}`]
    return session.generation === r.generation ? [] : [`${who} holds a reservation, and is of an earlier generation`]
  })
  const holding = new Set(reservations.filter((r) => r.held).map((r) => `${r.session}/${r.generation}`))
  const without = sessions
    .filter((s) => !isEnd(s.state) && !mayHoldNothing.includes(s.state))
    .filter((s) => !holding.has(`${s.id}/${s.generation}`))
    .map((s) => `${s.id} is ${s.state}, and holds no reservation`)
  return [...wrong, ...without]
}

/** What the backends hold and what live sessions stand on is the same. */
export function instanceBreaches({ sessions, instances }: Ledger, held: readonly HeldInstance[]): string[] {
  const present = new Map(sessions.map((s) => [s.id as string, s]))
  const rows = new Map(instances.map((i) => [`${i.session}/${i.generation}`, i]))
  const seen = new Set<string>()
  const wrong = held.flatMap(({ name, sessionId, generation }) => {
    const session = present.get(sessionId)
    const key = `${sessionId}/${generation}`
    const again = seen.has(key)
    seen.add(key)
    if (again) return [`${name} is there more than once`]
    if (session === undefined) return [`${name} runs, and there is no such session`]
    if (!mayRun.includes(session.state)) return [`${name} runs, and its session is ${session.state}`]
    const row = rows.get(key)
    // What was paused stays until the next generation has taken over what it stored.
    const isContinued = generation < session.generation && row?.tombstoned === false && !row.removed
    if (session.generation !== generation && !isContinued)
      return [`${name} runs, and its session is at generation ${session.generation}`]
    if (row === undefined) return [`${name} runs, and has no row`]
    return row.removed ? [`${name} runs, and its row says that it was removed`] : []
  })
  const missing = sessions
    .filter((s) => mustRun.includes(s.state) && !seen.has(`${s.id}/${s.generation}`))
    .map((s) => `${s.id} is ${s.state}, and nothing runs for it`)
  // Who is abandoned ends without anybody knowing what is left: its tombstone stays until it is known.
  const mustBeGone = ({ session, tombstoned }: InstanceLine) => {
    const { state = 'stopped', reason = null } = present.get(session) ?? {}
    return isEnd(state) && !(reason === 'abandoned' && tombstoned)
  }
  const kept = instances
    .filter((i) => !i.removed && mustBeGone(i))
    .map((i) => `${i.session} (generation ${i.generation}) has ended, and its instance was never said to be removed`)
  return [...wrong, ...missing, ...kept]
}

/** What has ended has nothing at a gateway outside. `all`: the ledger has every session that there is. */
export function outsideBreaches({ sessions }: Ledger, held: readonly HeldInstance[], all: boolean): string[] {
  const present = new Map(sessions.map((s) => [s.id as string, s]))
  return held.flatMap(({ name, sessionId, generation }) => {
    const session = present.get(sessionId)
    if (session === undefined) return all ? [`${name} is there, and there is no such session`] : []
    const isOver = isEnd(session.state) || session.generation !== generation
    return isOver ? [`${name} is there, and its session is ${session.state}`] : []
  })
}

/** A session's history is a way through the lifecycle that leads to where its row is. */
export function historyBreaches({ sessions, histories }: Ledger): string[] {
  const told = new Map(histories.map((h) => [h.session, h]))
  return sessions.flatMap(({ id, state, eventSeq }) => {
    const history = told.get(id)
    if (history === undefined) return [`${id} is ${state}, and has no history`]
    const states = history.states as readonly SessionState[]
    const story = states.join(', ')
    const lawful = states.every((to, i) => {
      const from = states[i - 1]
      return from === undefined ? to === 'requested' : mayFollow(from, to)
    })
    return [
      ...(states.at(-1) === state ? [] : [`${id} is ${state}, and its history says ${story}`]),
      ...(lawful ? [] : [`${id} went a way that the lifecycle does not know: ${story}`]),
      ...(history.last === eventSeq ? [] : [`${id} has ${eventSeq} lines of history, and the last is ${history.last}`]),
    ]
  })
}
