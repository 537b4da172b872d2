import { sql } from 'kysely'
import type { SessionId } from '../domain/ids.ts'
import { judgePause } from '../domain/pausing.ts'
import type { PauseVerdict, PauseWish } from '../domain/pausing.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { Executor, Trx } from './connect.ts'
import { recordEvent } from './events.ts'
import { wake } from './intents.ts'
import { keepsAtRest } from './session-view.ts'

export type PauseAsked =
  | { readonly kind: 'absent' }
  | { readonly kind: Exclude<PauseVerdict, 'record'> | 'requested'; readonly state: SessionState }

/**
 * Records that a session is to rest, or to go on. What is so already, or on its way, records nothing; but where the workflow has
 * seen all there is, it is woken: the one that saw the first asking may be gone.
 */
export async function requestPause(trx: Trx, sessionId: SessionId, wish: PauseWish): Promise<PauseAsked> {
  const session = await trx
    .selectFrom('session as s')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .leftJoin('provider_health as h', 'h.provider_id', 's.provider_id')
    .select(['s.state', 's.stop_requested_at', 's.pause_wish', 's.wake_version', 's.seen_version'])
    .select([isWishOpen('s').as('open'), canPause('h').as('pausable')])
    .where('s.id', '=', sessionId)
    .forNoKeyUpdate('s')
    .executeTakeFirst()
  if (session === undefined) return { kind: 'absent' }
  const { state } = session
  const kind = judgePause(wish, {
    state,
    stopRequested: session.stop_requested_at !== null,
    wish: session.open ? session.pause_wish : null,
    pausable: session.pausable,
  })
  if (kind === 'already' && session.open && session.seen_version >= session.wake_version)
    await trx.updateTable('session').set(wake).where('id', '=', sessionId).execute()
  if (kind !== 'record') return { kind, state }
  await trx
    .updateTable('session')
    .set({
      pause_wish: wish,
      pause_wish_number: sql<number>`pause_wish_number + 1`,
      version: sql<number>`version + 1`,
      ...wake,
    })
    .where('id', '=', sessionId)
    .execute()
  await recordEvent(trx, sessionId, wish === 'pause' ? 'session.pause_requested' : 'session.resume_requested', {})
  return { kind: 'requested', state }
}

/** Whether what was asked last of the session, by the table's name in the statement, is not settled. */
export const isWishOpen = (session: string) =>
  sql<boolean>`${sql.ref(`${session}.pause_wish_number`)} > ${sql.ref(`${session}.pause_settled_number`)}`

/**
 * Whether the driver said that it can pause, by the name of its provider's health in the statement, and the session would keep
 * something: of the session `s` with its template's version `v`.
 */
const canPause = (health: string) =>
  sql<boolean>`coalesce((${sql.ref(`${health}.capabilities`)} ->> 'pause')::boolean, false) and ${sql.raw(keepsAtRest)}`

/** Those of the sessions of which nothing is asked that is not settled, or that are to end. */
export async function settledPauses(executor: Executor, ids: readonly SessionId[]): Promise<SessionId[]> {
  const rows = await executor
    .selectFrom('session as s')
    .select('s.id')
    .where('s.id', 'in', ids)
    .where((eb) =>
      eb.or([
        eb.not(isWishOpen('s')),
        eb('s.stop_requested_at', 'is not', null),
        eb('s.ended_at', 'is not', null),
        eb('s.state', '=', 'stopping'),
      ]),
    )
    .execute()
  return rows.map((row) => row.id)
}
