import { sql } from 'kysely'
import type { ProviderId } from '../domain/ids.ts'
import type { FailReason, SessionState } from '../domain/lifecycle.ts'
import type { PauseWish, ResumeRefusal, ResumesBy } from '../domain/pausing.ts'
import { atRest } from '../domain/resources.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { recordEvent } from './events.ts'
import { recordPlaces, recordSeen } from './instances.ts'
import { lifetimeEnd } from './lifetime.ts'
import { handOn, replaceHeld } from './parts.ts'
import { giveUpProbe } from './provider-health.ts'
import { resourcesOf } from './resource-columns.ts'
import { move } from './transitions.ts'
import type { Moved } from './transitions.ts'

/** A session, and the wish that something is done about. What comes late finds that its number is settled. */
export interface PauseKey extends SessionKey {
  readonly number: number
}

export interface PausedAt {
  readonly moved: Moved
  readonly providerId: ProviderId
}

/** Does it in one transaction, with the session locked, while this wish to pause it is open; else says how it stands. */
async function whilePausing(
  db: Db,
  key: PauseKey,
  deed: (trx: Trx, session: LockedSession) => Promise<Moved>,
): Promise<Moved> {
  return await db.transaction().execute(async (trx) => {
    const session = await lockFor(trx, key, 'pause')
    return session === null || session.settled ? elsewhere(session) : await deed(trx, session)
  })
}

/** From here its doors are closed: what stands of them outside is to be withdrawn. */
export async function toPausing(db: Db, key: PauseKey): Promise<Moved> {
  return await whilePausing(db, key, async (trx) => {
    const set = { degraded_at: null, degraded_reason: null }
    const moved = await move(trx, { key, from: ['ready'], to: 'pausing', set })
    if (moved.kind !== 'moved') return moved
    await trx.deleteFrom('door_failure').where('session_id', '=', key.sessionId).execute()
    await trx
      .updateTable('outside_use')
      .set({ withdraw_at: sql<Date>`now()` })
      .where('session_id', '=', key.sessionId)
      .where('withdraw_at', 'is', null)
      .where('withdrawn_at', 'is', null)
      .execute()
    return moved
  })
}

/** At rest: it goes on holding its place and what it stored, and gives back the rest. */
export async function toPaused(db: Db, key: PauseKey): Promise<Moved> {
  return await whilePausing(db, key, async (trx, session) => {
    const moved = await move(trx, {
      key,
      from: ['pausing'],
      to: 'paused',
      set: { pause_settled_number: key.number, resumes_by: session.resumesBy, resume_refusal: null },
    })
    if (moved.kind !== 'moved') return moved
    await replaceHeld(trx, key, atRest(session.resources))
    await recordPlaces(trx, key, [])
    return moved
  })
}

/** It could not be paused, and runs on. */
export async function backToReady(db: Db, key: PauseKey): Promise<Moved> {
  return await whilePausing(db, key, async (trx) => {
    const moved = await move(trx, {
      key,
      from: ['pausing'],
      to: 'ready',
      set: { pause_settled_number: key.number },
    })
    if (moved.kind === 'moved') await recordEvent(trx, key.sessionId, 'session.pause_failed', {})
    return moved
  })
}

/** It answers again: ready as before, with the time that it had. */
export async function toReadyAgain(db: Db, key: PauseKey): Promise<PausedAt> {
  return await db.transaction().execute(async (trx) => {
    const session = await lockFor(trx, key, 'resume')
    if (session === null || session.settled)
      return { moved: elsewhere(session), providerId: await providerOf(trx, key) }
    const moved = await move(trx, {
      key,
      from: ['resuming'],
      to: 'ready',
      set: { pause_settled_number: key.number },
    })
    if (moved.kind === 'moved')
      await trx.updateTable('session').set({ lifetime_ends_at: lifetimeEnd }).where('id', '=', key.sessionId).execute()
    return { moved, providerId: session.providerId }
  })
}

/**
 * It could not be resumed, and nothing of it was begun anew: it rests on, and gives back what it was admitted with. Who waited
 * for its place may begin.
 */
export async function backToPaused(db: Db, key: PauseKey, reason: FailReason): Promise<PausedAt> {
  return await db.transaction().execute(async (trx) => {
    const session = await lockFor(trx, key, 'resume')
    if (session === null || session.settled)
      return { moved: elsewhere(session), providerId: await providerOf(trx, key) }
    const { providerId } = session
    const refusal: ResumeRefusal = { code: 'resume_failed', reason }
    const settled = { pause_settled_number: key.number, resume_refusal: JSON.stringify(refusal) }
    const isPaused = session.state === 'paused'
    const moved: Moved = isPaused
      ? { kind: 'already' }
      : await move(trx, {
          key,
          from: ['queued', 'resuming'],
          to: 'paused',
          set: { ...settled, waiting_for: null },
          data: { reason },
        })
    if (isPaused)
      await trx
        .updateTable('session')
        .set({ ...settled, version: sql<number>`version + 1` })
        .where('id', '=', key.sessionId)
        .execute()
    if (moved.kind === 'elsewhere') return { moved, providerId }
    if (!isPaused) {
      await replaceHeld(trx, key, atRest(session.resources))
      // It may have run, and did not answer in time.
      await recordPlaces(trx, key, [])
    }
    await giveUpProbe(trx, key.sessionId)
    await recordEvent(trx, key.sessionId, 'session.resume_failed', { reason })
    return { moved, providerId }
  })
}

/**
 * A session that resumes goes over to its next generation, with what it holds, because what it stood on went as it was paused.
 * Once per wish.
 */
export async function toNextGeneration(db: Db, key: PauseKey): Promise<Moved> {
  return await db.transaction().execute(async (trx) => {
    const session = await lockFor(trx, key, 'resume')
    if (session === null || session.settled) return elsewhere(session)
    if (session.state !== 'resuming' || session.resumesBy !== 'remakes') return elsewhere(session)
    if (session.remade) return { kind: 'already' }
    await handOn(trx, key)
    await trx
      .updateTable('session')
      .set({ generation: key.generation + 1, remade_number: key.number, version: sql<number>`version + 1` })
      .where('id', '=', key.sessionId)
      .execute()
    await recordEvent(trx, key.sessionId, 'session.generation', { generation: key.generation + 1 })
    return { kind: 'moved' }
  })
}

export interface LockedSession {
  readonly state: SessionState
  readonly providerId: ProviderId
  readonly stopRequested: boolean
  readonly settled: boolean
  readonly remade: boolean
  /** As it was noted as it came to rest; before that, as its driver says. */
  readonly resumesBy: ResumesBy
  /** What it asks for when it runs. */
  readonly resources: ReturnType<typeof resourcesOf<number>>
}

/** Locks the session, where this is still its generation and its wish. */
export async function lockFor(trx: Trx, key: PauseKey, wish: PauseWish): Promise<LockedSession | null> {
  const row = await trx
    .selectFrom('session as s')
    .leftJoin('provider_health as h', 'h.provider_id', 's.provider_id')
    .select(['s.state', 's.provider_id', 's.stop_requested_at', 's.pause_settled_number', 's.remade_number'])
    .select(['s.sessions', 's.cpu_milli', 's.memory_mib', 's.disk_mib', 's.gpus'])
    .select(
      sql<ResumesBy>`case when s.state in ('ready', 'pausing') then coalesce(h.capabilities ->> 'resume', 'wakes')
        else coalesce(s.resumes_by, 'wakes') end`.as('resumes_by'),
    )
    .where('s.id', '=', key.sessionId)
    .where('s.generation', '=', key.generation)
    .where('s.pause_wish', '=', wish)
    .where('s.pause_wish_number', '=', key.number)
    .forNoKeyUpdate('s')
    .executeTakeFirst()
  if (row === undefined) return null
  return {
    state: row.state,
    providerId: row.provider_id,
    stopRequested: row.stop_requested_at !== null,
    settled: row.pause_settled_number >= key.number,
    remade: row.remade_number >= key.number,
    resumesBy: row.resumes_by,
    resources: resourcesOf<number>(row),
  }
}

const elsewhere = (session: LockedSession | null): Moved => ({ kind: 'elsewhere', state: session?.state ?? null })

const providerOf = async (trx: Trx, { sessionId }: SessionKey): Promise<ProviderId> =>
  (await trx.selectFrom('session').select('provider_id').where('id', '=', sessionId).executeTakeFirstOrThrow())
    .provider_id

/** Whether the session is in one of these states, and no later wish than this is known. Who does something at its backend asks before. */
export const isStill = async (executor: Executor, key: PauseKey, states: readonly SessionState[]): Promise<boolean> =>
  (await stillIn(executor, key, states).executeTakeFirst()) !== undefined

/**
 * Notes what the instance was seen as, where that is so still. Returns whether it is: what comes late would keep the session from
 * hearing of the same when the provider is listed.
 */
export async function recordSeenStill(
  db: Db,
  key: PauseKey,
  states: readonly SessionState[],
  seen: 'running' | 'paused',
): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    if ((await stillIn(trx, key, states).forNoKeyUpdate().executeTakeFirst()) === undefined) return false
    await recordSeen(trx, key, seen)
    return true
  })
}

const stillIn = (executor: Executor, key: PauseKey, states: readonly SessionState[]) =>
  executor
    .selectFrom('session')
    .select('id')
    .where('id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .where('pause_wish_number', '=', key.number)
    .where('stop_requested_at', 'is', null)
    .where('state', 'in', states)
