import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { admitSession, heldBy } from '../../db/admission.ts'
import type { Db } from '../../db/connect.ts'
import { dispatch } from '../../db/dispatch.ts'
import { toQueued, toReady, toStopping } from '../../db/endings.ts'
import { readSessionEvents } from '../../db/events.ts'
import { requestStop } from '../../db/intents.ts'
import type { NewSession } from '../../db/intents.ts'
import { lookAt } from '../../db/look.ts'
import { requestPause, settledPauses } from '../../db/pause-wishes.ts'
import { beginInstance, readInstance, recordRunning } from '../../db/instances.ts'
import {
  backToPaused,
  backToReady,
  recordSeenStill,
  toNextGeneration,
  toPaused,
  toPausing,
  toReadyAgain,
} from '../../db/pauses.ts'
import { readmitSession } from '../../db/readmission.ts'
import { releaseReservation } from '../../db/reservations.ts'
import { getSession } from '../../db/session-queries.ts'
import { insertTemplate } from '../../db/templates.ts'
import { newId } from '../../domain/ids.ts'
import type { PauseWish } from '../../domain/pausing.ts'
import { add, nothing } from '../../domain/resources.ts'
import type { SessionKey } from '../../domain/session.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { inTurns } from '../proof/in-turns.ts'
import { allPausable } from '../setup/pausable.ts'
import { createRows, one } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'
import { sample } from '../setup/sampler.ts'
import { plainTemplate } from '../setup/template.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  rows = await createRows({ startLimit: 1_000 })
  db = rows.db
})
beforeEach(async () => await allPausable(db))
afterAll(async () => await rows.close())

const ask = async (key: SessionKey, wish: PauseWish) =>
  await db.transaction().execute(async (trx) => await requestPause(trx, key.sessionId, wish))
const wished = (key: SessionKey, number: number) => ({ ...key, number })
const accountOf = (owner: Owner) => ({ kind: 'account' as const, id: owner.accountId })
const rowOf = async (key: SessionKey) =>
  await db.selectFrom('session').selectAll().where('id', '=', key.sessionId).executeTakeFirstOrThrow()
const events = async (key: SessionKey, type: string) =>
  (await readSessionEvents(db, key.sessionId, 0, 1_000)).filter((e) => e.type === type)

async function ready(owner: Owner, over: Partial<NewSession> = {}): Promise<SessionKey> {
  const key = await rows.session(owner, over)
  await admitSession(db, key)
  await toReady(db, key)
  return key
}

async function rest(key: SessionKey, number: number): Promise<void> {
  expect((await ask(key, 'pause')).kind).toBe('requested')
  expect(await toPausing(db, wished(key, number))).toEqual({ kind: 'moved' })
  expect(await toPaused(db, wished(key, number))).toEqual({ kind: 'moved' })
}

describe('the wish', () => {
  test('is recorded once, wakes the workflow, and is looked at', async () => {
    const key = await ready(await rows.account())
    const before = await rowOf(key)
    expect((await ask(key, 'pause')).kind).toBe('requested')
    expect((await ask(key, 'pause')).kind).toBe('already')
    const after = await rowOf(key)
    expect([after.pause_wish, after.pause_wish_number, after.wake_version - before.wake_version]).toEqual([
      'pause',
      1,
      1,
    ])
    expect(await events(key, 'session.pause_requested')).toHaveLength(1)
    expect(await settledPauses(db, [key.sessionId])).toEqual([])
    const seen = await lookAt(db, key.sessionId, defaultTimings)
    expect(seen?.pause).toEqual({ number: 1, wish: 'pause', resumesBy: 'wakes', remade: false, continues: null })
    // Its workflow has seen it: a repeat wakes whoever looks after it now.
    expect((await ask(key, 'pause')).kind).toBe('already')
    expect((await rowOf(key)).wake_version).toBe(after.wake_version + 1)
  })

  test('a session that nobody ever asked looks as it always did', async () => {
    const key = await ready(await rows.account())
    expect(await lookAt(db, key.sessionId, defaultTimings)).not.toHaveProperty('pause')
  })

  test('is refused where the provider does not say that it can, or nobody has heard of it', async () => {
    const key = await ready(await rows.account())
    await allPausable(db, { pause: false })
    expect((await ask(key, 'pause')).kind).toBe('unsupported')
    await db.updateTable('provider_health').set({ capabilities: null }).execute()
    expect((await ask(key, 'pause')).kind).toBe('unsupported')
    expect((await rowOf(key)).pause_wish_number).toBe(0)
  })

  test('is refused on Kubernetes where no workspace would stay of the session', async () => {
    const owner = await rows.account()
    const providerId = await rows.provider('cluster')
    await db.updateTable('provider').set({ kind: 'kubernetes' }).where('id', '=', providerId).execute()
    await allPausable(db)
    const templateId = newId('template')
    const spec = { ...plainTemplate, backend: { kubernetes: { workspace: { target: '/home/desk' } } } }
    const template = { id: templateId, name: 'kept', origin: 'api', spec, createdBy: owner.accountId } as const
    await db.transaction().execute(async (trx) => await insertTemplate(trx, template))
    const [bare, kept] = [await ready(owner, { providerId }), await ready(owner, { providerId, templateId })]
    const pausable = async (key: SessionKey) => (await getSession(db, key.sessionId))?.pausable
    expect([await pausable(bare), await pausable(kept)]).toEqual([false, true])
    expect((await ask(bare, 'pause')).kind).toBe('unsupported')
    expect((await rowOf(bare)).pause_wish_number).toBe(0)
    expect((await ask(kept, 'pause')).kind).toBe('requested')
  })

  test('is settled by a stop, too', async () => {
    const key = await ready(await rows.account())
    await ask(key, 'pause')
    await db.transaction().execute(async (trx) => await requestStop(trx, key.sessionId, 'user'))
    expect(await settledPauses(db, [key.sessionId])).toEqual([key.sessionId])
    expect((await ask(key, 'resume')).kind).toBe('ended')
  })
})

describe('at rest', () => {
  test('place and disk are held, the rest is given back, and each part is metered', async () => {
    const owner = await rows.account()
    const resources = { ...one, diskMib: 512, gpus: 1 }
    const key = await ready(owner, { resources })
    await rest(key, 1)
    expect(await heldBy(db, accountOf(owner))).toEqual({ ...nothing, sessions: 1, diskMib: 512 })
    await ask(key, 'resume')
    expect(await readmitSession(db, wished(key, 2))).toEqual({ kind: 'admitted' })
    expect(await heldBy(db, accountOf(owner))).toEqual(resources)
    expect((await toReadyAgain(db, wished(key, 2))).moved).toEqual({ kind: 'moved' })
    await toStopping(db, key, 'user')
    await releaseReservation(db, key)
    const usage = await db.selectFrom('session_usage').selectAll().where('session_id', '=', key.sessionId).execute()
    expect(usage.map((u) => [u.part, u.gpus, u.disk_mib]).toSorted()).toEqual([
      [1, 1, 512],
      [2, 0, 512],
      [3, 1, 512],
    ])
    expect(await heldBy(db, accountOf(owner))).toEqual(nothing)
  })

  test('what comes late changes nothing', async () => {
    const key = await ready(await rows.account())
    await rest(key, 1)
    await ask(key, 'resume')
    await readmitSession(db, wished(key, 2))
    await toReadyAgain(db, wished(key, 2))
    const late = { ...(await rowOf(key)) }
    expect((await toPausing(db, wished(key, 1))).kind).toBe('elsewhere')
    expect((await toPaused(db, wished(key, 1))).kind).toBe('elsewhere')
    expect((await readmitSession(db, wished(key, 2))).kind).toBe('admitted')
    expect((await backToPaused(db, wished(key, 2), 'start_failed')).moved.kind).toBe('elsewhere')
    expect(await rowOf(key)).toEqual(late)
  })

  test('one that could not be paused is ready, with the time that it had; that it rests after all is left to the list', async () => {
    const key = await ready(await rows.account())
    const before = await rowOf(key)
    await beginInstance(db, key, before.provider_id, Buffer.from('sealed'))
    const seen = async (what: 'running' | 'paused') => [
      await recordSeenStill(db, wished(key, 1), ['pausing', 'paused'], what),
      (await readInstance(db, key))?.seen,
    ]
    await ask(key, 'pause')
    await toPausing(db, wished(key, 1))
    expect(await seen('running')).toEqual([true, 'running'])
    expect(await backToReady(db, wished(key, 1))).toEqual({ kind: 'moved' })
    expect(await rowOf(key)).toMatchObject({ state: 'ready', lifetime_ends_at: before.lifetime_ends_at })
    expect(await events(key, 'session.pause_failed')).toHaveLength(1)
    expect(await seen('paused')).toEqual([false, 'running'])
  })
})

describe('admitted again', () => {
  test('its own part is left out of the sum; refused leaves it untouched, with what is missing', async () => {
    const owner = await rows.account()
    await rows.limit(accountOf(owner), { sessions: 2, cpuMilli: 150 })
    const key = await ready(owner)
    await rest(key, 1)
    const other = await ready(owner)
    await ask(key, 'resume')
    expect(await readmitSession(db, wished(key, 2))).toEqual({ kind: 'rejected' })
    expect(await rowOf(key)).toMatchObject({
      state: 'paused',
      pause_settled_number: 2,
      resume_refusal: {
        code: 'quota_exceeded',
        violations: [{ payer: accountOf(owner), resource: 'cpuMilli', limit: 150, used: 100, requested: 100 }],
      },
    })
    expect(await heldBy(db, accountOf(owner))).toEqual({ ...add(one, { ...nothing, sessions: 1 }) })
    await toStopping(db, other, 'user')
    await releaseReservation(db, other)
    expect((await ask(key, 'resume')).kind).toBe('requested')
    expect(await readmitSession(db, wished(key, 3))).toEqual({ kind: 'admitted' })
    expect((await rowOf(key)).state).toBe('resuming')
  })

  test('it waits for its turn where the provider is busy, and for the end of maintenance', async () => {
    const providerId = await rows.provider('narrow', 1)
    await allPausable(db)
    const owner = await rows.account()
    const key = await rows.session(owner, { providerId })
    await admitSession(db, key)
    await toReady(db, key)
    await rest(key, 1)
    const before = await rows.session(owner, { providerId })
    await admitSession(db, before)
    await ask(key, 'resume')
    await db
      .updateTable('installation')
      .set({ maintenance_since: sql<Date>`now()`, maintenance_text: 'soon' })
      .execute()
    expect(await readmitSession(db, wished(key, 2))).toEqual({ kind: 'waits' })
    await db.updateTable('installation').set({ maintenance_since: null, maintenance_text: null }).execute()
    expect(await readmitSession(db, wished(key, 2))).toEqual({ kind: 'admitted' })
    expect(await rowOf(key)).toMatchObject({ state: 'queued', waiting_for: 'provider_busy' })
    expect(await dispatch(db, providerId, 1_000)).toEqual([])
    await toReady(db, before)
    expect(await dispatch(db, providerId, 1_000)).toEqual([key.sessionId])
    expect((await rowOf(key)).state).toBe('resuming')
    // Who resumes takes a place as whoever starts.
    const next = await rows.session(owner, { providerId })
    await admitSession(db, next)
    expect((await rowOf(next)).state).toBe('queued')
    await toQueued(db, key, 'provider_unavailable')
    expect((await backToPaused(db, wished(key, 2), 'capacity_timeout')).moved).toEqual({ kind: 'moved' })
    expect((await rowOf(key)).state).toBe('paused')
    expect(await dispatch(db, providerId, 1_000)).toEqual([next.sessionId])
  })

  test('of many that go on at once, never more are held than the limit', async () => {
    // the account's row, limit 400 cpuMilli, ten sessions of 100 at rest:
    //   1st: lock ── held 0 ── replaced ── commit
    //   5th:  lock (waits) ······················ held 400 ── refused ── commit
    const owner = await rows.account()
    await rows.limit(accountOf(owner), { cpuMilli: 400 })
    const keys = await inTurns(Array.from({ length: 10 }), 1, async () => {
      const key = await ready(owner)
      await rest(key, 1)
      await ask(key, 'resume')
      return key
    })
    const watch = rows.another(1)
    const sampler = sample(async () => (await heldBy(watch, accountOf(owner))).cpuMilli)
    const decided = await Promise.all(keys.map(async (key) => await readmitSession(db, wished(key, 2))))
    const seen = await sampler.end()
    expect(decided.filter((d) => d.kind === 'admitted')).toHaveLength(4)
    expect(decided.filter((d) => d.kind === 'rejected')).toHaveLength(6)
    expect(Math.max(...seen)).toBe(400)
  })
})

describe('the next generation', () => {
  const place = { port: 8_888, host: '10.0.0.1', hostPort: 40_000 }
  const restFrom = async (key: SessionKey) => {
    await beginInstance(db, key, (await rowOf(key)).provider_id, Buffer.from('sealed'))
    await recordRunning(db, key, [place])
    await rest(key, 1)
    return (await readInstance(db, key))?.endpoints
  }

  test('takes over what is held, once, and only where what was paused went; where it was, anybody may answer', async () => {
    const owner = await rows.account()
    const key = await ready(owner)
    await allPausable(db, { resume: 'remakes' })
    expect(await restFrom(key)).toEqual([])
    await ask(key, 'resume')
    await readmitSession(db, wished(key, 2))
    expect(await toNextGeneration(db, wished(key, 2))).toEqual({ kind: 'moved' })
    expect((await toNextGeneration(db, wished(key, 2))).kind).toBe('elsewhere')
    const next = { ...key, generation: 2 }
    expect(await toNextGeneration(db, wished(next, 2))).toEqual({ kind: 'already' })
    expect((await rowOf(key)).generation).toBe(2)
    expect(await heldBy(db, accountOf(owner))).toEqual(one)
    expect((await toReadyAgain(db, wished(next, 2))).moved).toEqual({ kind: 'moved' })

    const other = await ready(owner)
    await allPausable(db)
    expect(await restFrom(other)).toEqual([])
    await ask(other, 'resume')
    await readmitSession(db, wished(other, 2))
    expect((await toNextGeneration(db, wished(other, 2))).kind).toBe('elsewhere')
  })
})
