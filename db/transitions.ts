import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { lifecycle, mayFollow, sessionStates } from '../domain/lifecycle.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { nextLine } from './events.ts'

export interface Move {
  readonly key: SessionKey
  /** From which states; each must be allowed by the lifecycle. */
  readonly from: readonly SessionState[]
  readonly to: SessionState
  /** What the event says beside the state. */
  readonly data?: Record<string, unknown>
  /** Further columns; text and numbers only, `now()` is meant by the word 'now'. */
  readonly set?: Readonly<Record<string, string | number | null>>
  /** Whether the session's workflow must be told: it is not the one that moves it. */
  readonly wake?: boolean
  /** An insert, done in the same statement. Where it returns no row, nothing moves. */
  readonly with?: RawBuilder<unknown>
}

/** `already`: it is so, perhaps by an earlier attempt. `elsewhere`: something else became true meanwhile. */
export type Moved =
  { readonly kind: 'moved' | 'already' } | { readonly kind: 'elsewhere'; readonly state: SessionState | null }

/**
 * The one place that writes `state`: guarded by the states it may come from and by the generation, with its event in the same
 * statement. A repeat is `already`.
 */
export async function move(
  executor: Trx | Db,
  { key, from, to, data = {}, set = {}, wake = false, with: inserted }: Move,
): Promise<Moved> {
  const illegal = from.filter((state) => !mayFollow(state, to))
  if (illegal.length > 0) throw new Error(`${illegal.join(', ')} may not become ${to}`)
  const assignments = Object.entries(set).map(([column, value]) =>
    value === 'now' ? sql`, ${sql.ref(column)} = now()` : sql`, ${sql.ref(column)} = ${value}`,
  )
  const woken = wake ? sql`, wake_version = wake_version + 1, next_try_at = now(), tries = 0` : sql``
  const ended = lifecycle[to].next.length === 0 ? sql`, ended_at = now(), secret_parameters = null` : sql``
  const first = inserted === undefined ? sql`` : sql`inserted as (${inserted}),`
  const provided = inserted === undefined ? sql`` : sql` and exists (select from inserted)`
  const { rows } = await sql<{ seq: number }>`
    with ${first} changed as (
      update session set state = ${to}, state_since = now(), ${nextLine}, version = version + 1
        ${sql.join(assignments, sql``)} ${woken} ${ended}
      where id = ${key.sessionId} and generation = ${key.generation} and state = any(${from})${provided}
      returning event_seq, event_epoch, event_xid
    )
    insert into session_event (session_id, seq, epoch, xid, type, data)
    select ${key.sessionId}, event_seq, event_epoch, event_xid, 'session.state',
      ${JSON.stringify({ state: to, ...data })}::jsonb
    from changed returning seq
  `.execute(executor)
  if (rows.length > 0) return { kind: 'moved' }
  const state = await stateOf(executor, key)
  return state === to ? { kind: 'already' } : { kind: 'elsewhere', state }
}

/** The states from which `to` may be reached, as the lifecycle says. */
export const before = (to: SessionState): SessionState[] => sessionStates.filter((state) => mayFollow(state, to))

async function stateOf(executor: Executor, key: SessionKey): Promise<SessionState | null> {
  const row = await executor
    .selectFrom('session')
    .select('state')
    .where('id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .executeTakeFirst()
  return row?.state ?? null
}
