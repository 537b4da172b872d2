import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admitSession } from '../../db/admission.ts'
import type { Db } from '../../db/connect.ts'
import { dispatch, queuePosition } from '../../db/dispatch.ts'
import { toReady, toStopping } from '../../db/endings.ts'
import { requestStop } from '../../db/intents.ts'
import { readSessionEvents } from '../../db/events.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'
import { sample } from '../setup/sampler.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  rows = await createRows({ poolSize: 16 })
  db = rows.db
})
afterAll(async () => await rows.close())

const probeMs = 60_000
let made = 0
/** A provider of its own for each test: queues do not meet. */
const provider = async (startLimit: number) => await rows.provider(`p${made++}`, startLimit)
const ask = async (owner: Owner, providerId: ProviderId) => await rows.session(owner, { providerId })
const queue = async (owner: Owner, providerId: ProviderId, queuedAtMs: number) => {
  const key = await ask(owner, providerId)
  await rows.scene(key, { state: 'queued', queued_at: new Date(queuedAtMs) })
  return key
}
const beginning = async (pool: Db, providerId: ProviderId) => {
  const { rows: found } = await sql<{ n: number }>`
    select count(*)::int as n from session where provider_id = ${providerId} and state = 'provisioning'`.execute(pool)
  return found[0]?.n ?? 0
}
const waitingFor = async (key: SessionKey) =>
  (await db.selectFrom('session').select('waiting_for').where('id', '=', key.sessionId).executeTakeFirst())?.waiting_for

describe('the start limit', () => {
  test('is never passed, however many admissions and dispatchers run at once, and nobody is left waiting for a free slot', async () => {
    // admit A: lock provider ── 2 of 3 begin ── A begins ── commit
    // dispatch:        lock (waits) ···························· 3 of 3 begin ── nobody ── commit
    // admit B:             lock (waits) ······································· 3 of 3 begin ── B is queued
    // ready C:  (takes no lock: it only makes room, and dispatches after it)
    const limit = 3
    const docker = await provider(limit)
    const owners = await Promise.all(Array.from({ length: 5 }, async () => await rows.account()))
    const keys = await Promise.all(
      Array.from({ length: 36 }, async (_, i) => await ask(owners[i % owners.length] as Owner, docker)),
    )
    const watch = rows.another(1)
    const other = rows.another(8)
    const sampler = sample(async () => await beginning(watch, docker))
    await Promise.all(
      keys.map(async (key, i) => {
        const pool = i % 2 === 0 ? db : other
        await admitSession(pool, key)
        await dispatch(pool, docker, probeMs)
      }),
    )
    expect(await beginning(db, docker)).toBe(limit)
    for (let left = keys.length; left > 0;) {
      const begun = await db
        .selectFrom('session')
        .select('id')
        .where('provider_id', '=', docker)
        .where('state', '=', 'provisioning')
        .execute()
      await Promise.all(
        begun.map(async ({ id }, i) => {
          const pool = i % 2 === 0 ? db : other
          await toReady(pool, { sessionId: id, generation: 1 })
          await dispatch(pool, docker, probeMs)
        }),
      )
      left -= begun.length
      expect(begun).toHaveLength(Math.min(limit, left + begun.length))
    }
    const seen = await sampler.end()
    expect(seen.length).toBeGreaterThan(5)
    expect(Math.max(...seen)).toBe(limit)
    expect(await beginning(db, docker)).toBe(0)
  })

  test('a session that comes while others wait goes behind them, even where a slot is free', async () => {
    const docker = await provider(2)
    const owner = await rows.account()
    const before = await queue(owner, docker, 1_000)
    const late = await ask(owner, docker)
    await admitSession(db, late)
    expect(await rows.stateOf(late)).toBe('queued')
    expect(await waitingFor(late)).toBe('provider_busy')
    expect(await dispatch(db, docker, probeMs)).toEqual(expect.arrayContaining([before.sessionId, late.sessionId]))
  })

  test('whoever begins is told, in its history and in its row; whoever has a slot at once is not queued', async () => {
    const docker = await provider(1)
    const owner = await rows.account()
    const [first, second] = [await ask(owner, docker), await ask(owner, docker)]
    await admitSession(db, first)
    await admitSession(db, second)
    expect(await historyOf(first)).toEqual(['requested', 'provisioning'])
    await toReady(db, first)
    expect(await dispatch(db, docker, probeMs)).toEqual([second.sessionId])
    expect(await historyOf(second)).toEqual(['requested', 'queued', 'provisioning'])
    expect(await wakeOf(first)).toBe(1)
    expect(await wakeOf(second)).toBe(2)
    expect(await waitingFor(second)).toBeNull()
  })
})

describe('fairness', () => {
  const crowd = async (docker: ProviderId) => {
    const hog = await rows.account()
    const many = []
    for (let i = 0; i < 50; i++) many.push(await queue(hog, docker, 1_000 + i))
    const ones = []
    for (let i = 0; i < 10; i++) ones.push(await queue(await rows.account(), docker, 5_000 + i))
    return { many, ones: new Set(ones.map((key) => key.sessionId)) }
  }

  test('one account’s fifty and ten accounts’ one each: the ten are among the first twenty, all at once', async () => {
    const docker = await provider(20)
    const { ones } = await crowd(docker)
    const begun = await dispatch(db, docker, probeMs)
    expect(begun).toHaveLength(20)
    expect(begun.filter((id) => ones.has(id))).toHaveLength(10)
  })

  test('one account’s fifty and ten accounts’ one each: the ten are among the first twenty, one at a time', async () => {
    const docker = await provider(1)
    const { many, ones } = await crowd(docker)
    const begun: SessionId[] = []
    while (begun.length < 20) {
      const [id, more] = await dispatch(db, docker, probeMs)
      if (id === undefined || more !== undefined) throw new Error('one begins at a time')
      begun.push(id)
      await toReady(db, { sessionId: id, generation: 1 })
    }
    expect(begun.filter((id) => ones.has(id))).toHaveLength(10)
    // Within the one account the oldest went first.
    expect(begun.filter((id) => !ones.has(id))).toEqual(many.slice(0, 10).map((key) => key.sessionId))
  })

  test('a place in the queue is the place in which it begins, and its wait is told from recent starts', async () => {
    const docker = await provider(1)
    const [ada, bea] = [await rows.account(), await rows.account()]
    const keys = [await queue(ada, docker, 1_000), await queue(ada, docker, 1_001), await queue(bea, docker, 1_002)]
    const places = await Promise.all(
      keys.map(async (key) => await queuePosition(db, { id: key.sessionId, providerId: docker })),
    )
    expect(places.map((p) => p?.position)).toEqual([0, 2, 1])
    expect(places[0]?.etaSeconds).toBeNull()
    const past = await ask(bea, docker)
    await rows.scene(past, { state: 'ready', dispatched_at: new Date(10_000), ready_at: new Date(50_000) })
    expect((await queuePosition(db, { id: keyAt(keys, 0).sessionId, providerId: docker }))?.etaSeconds).toBe(40)
    expect(await queuePosition(db, { id: past.sessionId, providerId: docker })).toBeNull()
  })
})

describe('who is not moved', () => {
  test.each(['disabled_at', 'draining_at'] as const)(
    'a provider with %s moves nobody, and says why',
    async (column) => {
      const docker = await provider(5)
      const owner = await rows.account()
      const queued = await queue(owner, docker, 1_000)
      await db
        .updateTable('provider')
        .set({ [column]: new Date() })
        .where('id', '=', docker)
        .execute()
      expect(await dispatch(db, docker, probeMs)).toEqual([])
      expect(await waitingFor(queued)).toBe('provider_unavailable')
      const late = await ask(owner, docker)
      await admitSession(db, late)
      expect(await waitingFor(late)).toBe('provider_unavailable')
      await db
        .updateTable('provider')
        .set({ [column]: null })
        .where('id', '=', docker)
        .execute()
      expect(await dispatch(db, docker, probeMs)).toHaveLength(2)
    },
  )

  test('a session that is asked to stop is passed over, and stands in nobody’s way', async () => {
    const docker = await provider(1)
    const owner = await rows.account()
    const [stopped, next] = [await queue(owner, docker, 1_000), await queue(owner, docker, 2_000)]
    await db.transaction().execute(async (trx) => await requestStop(trx, stopped.sessionId, 'user'))
    expect(await queuePosition(db, { id: stopped.sessionId, providerId: docker })).toBeNull()
    expect(await dispatch(db, docker, probeMs)).toEqual([next.sessionId])
    expect(await rows.stateOf(stopped)).toBe('queued')
  })

  test('whoever stays behind when some begin is told why it waits now', async () => {
    const docker = await provider(1)
    const owner = await rows.account()
    const [first, second] = [await queue(owner, docker, 1_000), await queue(owner, docker, 2_000)]
    await sql`update session set waiting_for = 'provider_unavailable' where provider_id = ${docker}`.execute(db)
    expect(await dispatch(db, docker, probeMs)).toEqual([first.sessionId])
    expect(await waitingFor(second)).toBe('provider_busy')
  })

  test('a place that a stopping session leaves is given at once', async () => {
    const docker = await provider(1)
    const owner = await rows.account()
    const first = await ask(owner, docker)
    await admitSession(db, first)
    const second = await queue(owner, docker, 1_000)
    expect(await dispatch(db, docker, probeMs)).toEqual([])
    await toStopping(db, first, 'user')
    expect(await dispatch(db, docker, probeMs)).toEqual([second.sessionId])
  })
})

const historyOf = async (key: SessionKey) =>
  (await readSessionEvents(db, key.sessionId, 0, 10)).map((event) => event.data['state'])
const wakeOf = async (key: SessionKey) =>
  (await db.selectFrom('session').select('wake_version').where('id', '=', key.sessionId).executeTakeFirst())
    ?.wake_version

function keyAt(keys: readonly SessionKey[], index: number): SessionKey {
  const key = keys[index]
  if (key === undefined) throw new Error(`There is no session ${index}.`)
  return key
}
