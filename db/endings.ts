import { sql } from 'kysely'
import { servedMs } from '../domain/deadlines.ts'
import type { ProviderId } from '../domain/ids.ts'
import { endOf } from '../domain/lifecycle.ts'
import type { Reason, WaitingFor } from '../domain/lifecycle.ts'
import type { SessionKey } from '../domain/session.ts'
import { outagesSince } from './beats.ts'
import type { Db, Executor } from './connect.ts'
import { endPasses } from './connections.ts'
import { recordEvent } from './events.ts'
import { tombstone } from './instances.ts'
import { lifetimeEnd } from './lifetime.ts'
import { endAllDoors } from './outside-accounts.ts'
import { plainText } from './plain-text.ts'
import { giveUpProbe } from './provider-health.ts'
import { releaseReservation } from './reservations.ts'
import { before, move } from './transitions.ts'
import type { Moved } from './transitions.ts'

interface MovedAt {
  readonly moved: Moved
  readonly providerId: ProviderId
}

/** Ready: the template's lifetime counts from now, as far as its backend lets it live. */
export async function toReady(db: Db, key: SessionKey): Promise<MovedAt> {
  return await db.transaction().execute(async (trx) => {
    const moved = await move(trx, { key, from: ['provisioning'], to: 'ready', set: { ready_at: 'now' } })
    if (moved.kind === 'moved') {
      await trx
        .updateTable('session')
        .set({ lifetime_ends_at: lifetimeEnd, expected_start_at: null })
        .where('id', '=', key.sessionId)
        .execute()
    }
    return { moved, providerId: await providerOf(trx, key) }
  })
}

/** Back to waiting, because the provider does not answer: everything that stands stays, its instance is adopted later. */
export async function toQueued(db: Db, key: SessionKey, waitingFor: WaitingFor): Promise<Moved> {
  return await move(db, {
    key,
    from: ['provisioning', 'resuming'],
    to: 'queued',
    set: { waiting_for: waitingFor },
    data: { waitingFor },
  })
}

/** From any state that is not an end. The first reason stays. */
export async function toStopping(db: Db, key: SessionKey, reason: Reason): Promise<MovedAt> {
  return await db.transaction().execute(async (trx) => {
    const moved = await move(trx, {
      key,
      from: before('stopping'),
      to: 'stopping',
      set: { reason, waiting_for: null },
      data: { reason },
    })
    await giveUpProbe(trx, key.sessionId)
    return { moved, providerId: await providerOf(trx, key) }
  })
}

/**
 * The end that the reason leads to. Called when nothing is left. It closes the session's books in the same transaction: a run
 * notes what it is to give back before it is admitted, but a task that is lost with its worker takes that note along.
 */
export async function endSession(db: Db, key: SessionKey): Promise<Moved> {
  return await db.transaction().execute(async (trx) => {
    const session = await trx
      .selectFrom('session')
      .select(['reason'])
      .where('id', '=', key.sessionId)
      .executeTakeFirstOrThrow()
    const reason = session.reason ?? 'internal'
    const end = endOf(reason)
    if (end === 'rejected') return { kind: 'already' }
    // Whoever is still noted as inside left before the end: nothing is added to a history that has ended.
    await endPasses(trx, { sessionId: key.sessionId }, 'ended')
    const moved = await move(trx, { key, from: ['stopping'], to: end, data: { reason } })
    if (moved.kind !== 'elsewhere') await releaseReservation(trx, key)
    return moved
  })
}

/**
 * An operator gives up on a cleanup: what is reserved is released, and the session ends as `abandoned`. The tombstone stays
 * without its confirmation: should the instance be seen again, reconciliation removes it; and doors outside that were not
 * closed are closed when somebody serves that gateway again.
 */
export async function abandonSession(db: Db, key: SessionKey): Promise<Moved> {
  const reason: Reason = 'abandoned'
  return await db.transaction().execute(async (trx) => {
    await endPasses(trx, { sessionId: key.sessionId }, 'ended')
    const moved = await move(trx, { key, from: ['stopping'], to: endOf(reason), set: { reason }, data: { reason } })
    if (moved.kind === 'elsewhere') return moved
    await tombstone(trx, key, await providerOf(trx, key))
    await endAllDoors(trx, key.sessionId)
    await releaseReservation(trx, key)
    return moved
  })
}

/**
 * Once, after `limitMs` of served time in `stopping`: the event, and the time for the metric and the operators' list. Returns
 * in how many ms it may be due, because nobody served for a while; `null`: there is nothing left to say.
 */
export async function markCleanupOverdue(db: Db, key: SessionKey, limitMs: number): Promise<number | null> {
  return await db.transaction().execute(async (trx) => {
    const session = await trx
      .selectFrom('session')
      .select(['provider_id', 'state_since', sql<Date>`now()`.as('now')])
      .where('id', '=', key.sessionId)
      .where('state', '=', 'stopping')
      .where('cleanup_overdue_at', 'is', null)
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (session === undefined) return null
    const outages = await outagesSince(trx, session.provider_id, session.state_since)
    const dueInMs = limitMs - servedMs(session.state_since.getTime(), session.now.getTime(), outages)
    if (dueInMs > 0) return dueInMs
    await trx
      .updateTable('session')
      .set({ cleanup_overdue_at: sql<Date>`now()` })
      .where('id', '=', key.sessionId)
      .execute()
    await recordEvent(trx, key.sessionId, 'session.cleanup_overdue', {})
    return null
  })
}

/** What operators read beside the reason: the backend's own words, capped. */
export async function noteOperatorDetail(db: Db, key: SessionKey, detail: string): Promise<void> {
  await db
    .updateTable('session')
    .set({ operator_detail: plainText(detail, 16_384) })
    .where('id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .execute()
}

async function providerOf(executor: Executor, key: SessionKey): Promise<ProviderId> {
  const row = await executor
    .selectFrom('session')
    .select('provider_id')
    .where('id', '=', key.sessionId)
    .executeTakeFirstOrThrow()
  return row.provider_id
}
