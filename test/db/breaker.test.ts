import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { admitSession } from '../../db/admission.ts'
import type { Db } from '../../db/connect.ts'
import { dispatch } from '../../db/dispatch.ts'
import { toQueued, toStopping } from '../../db/endings.ts'
import { readHealth } from '../../db/providers.ts'
import { giveUpProbe, recordAvailable, recordObserved, recordUnavailable } from '../../db/provider-health.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { withTimings } from '../../domain/timings.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows({ poolSize: 16 })
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())

const minute = 60_000
// So long that no try falls due by itself while a test is held up.
const timings = withTimings({ breakerMs: minute, breakerMaxMs: 60 * minute })
const probeMs = 60 * minute
let made = 0
let docker: ProviderId
beforeEach(async () => {
  docker = await rows.provider(`b${made++}`, 3)
})

const nobody = 'snobody' as SessionId
const fail = async (sessionId: SessionId = nobody, retryAfterMs: number | null = null) =>
  await recordUnavailable(db, docker, { sessionId, retryAfterMs, detail: 'connection refused' }, timings)
const row = async () =>
  await db.selectFrom('provider_health').selectAll().where('provider_id', '=', docker).executeTakeFirstOrThrow()
const due = async () =>
  await sql`update provider_health set retry_at = now() - interval '1 ms' where provider_id = ${docker}`.execute(db)
/** In how many minutes the next try may be, rounded up. */
const retryIn = async () => {
  const { rows: found } = await sql<{ minutes: number | null }>`
    select (extract(epoch from retry_at - now()) / 60)::float8 as minutes from provider_health where provider_id = ${docker}`.execute(
    db,
  )
  const minutes = found[0]?.minutes ?? null
  return minutes === null ? null : Math.ceil(minutes)
}
const queue = async (n: number): Promise<SessionKey[]> => {
  const keys = []
  for (let i = 0; i < n; i++) {
    const key = await rows.session(owner, { providerId: docker })
    await rows.scene(key, { state: 'queued', queued_at: new Date(1_000 + i) })
    keys.push(key)
  }
  return keys
}

describe('an open breaker', () => {
  test('lets nobody begin, neither those who wait nor those who come', async () => {
    await queue(2)
    await fail()
    expect(await dispatch(db, docker, probeMs)).toEqual([])
    const late = await rows.session(owner, { providerId: docker })
    await admitSession(db, late)
    expect(await rows.stateOf(late)).toBe('queued')
  })

  test('lets one begin when its next try is due, however many dispatch at once', async () => {
    // dispatch 1: lock provider ── due ── one begins ── claims the probe: retry_at moves on ── commit
    // dispatch 2:      lock (waits) ···························································· not due ── nobody
    const [first] = await queue(4)
    await fail()
    await due()
    const begun = await Promise.all(Array.from({ length: 10 }, async () => await dispatch(db, docker, probeMs)))
    expect(begun.flat()).toEqual([first?.sessionId])
    expect(await row()).toMatchObject({ state: 'probing', probe_session_id: first?.sessionId })
    expect(await retryIn()).toBe(60)
  })

  test('stays open after a failed probe, longer; that session waits again, with all it has', async () => {
    const [first] = await queue(2)
    if (first === undefined) throw new Error('two wait')
    await fail()
    await due()
    await dispatch(db, docker, probeMs)
    await fail(first.sessionId)
    await toQueued(db, first, 'provider_unavailable')
    expect(await row()).toMatchObject({ state: 'open', failures: 2, probe_session_id: null })
    expect(await retryIn()).toBe(2)
    const session = await db.selectFrom('session').selectAll().where('id', '=', first.sessionId).executeTakeFirst()
    expect(session).toMatchObject({ state: 'queued', generation: 1, waiting_for: 'provider_unavailable' })
    // From the first time it was queued: a waiting that is never started anew.
    expect(session?.queued_at).toEqual(new Date(1_000))
    expect(await dispatch(db, docker, probeMs)).toEqual([])
  })

  test('closes when the provider answers, once, and those who wait begin', async () => {
    const keys = await queue(4)
    await fail()
    await due()
    await dispatch(db, docker, probeMs)
    const answers = await Promise.all(Array.from({ length: 5 }, async () => await recordAvailable(db, docker)))
    expect(answers.filter(Boolean)).toHaveLength(1)
    expect(await row()).toMatchObject({
      state: 'closed',
      failures: 0,
      retry_at: null,
      probe_session_id: null,
      detail: null,
    })
    expect(await dispatch(db, docker, probeMs)).toHaveLength(2)
    expect(await rows.stateOf(keys[3] as SessionKey)).toBe('queued')
  })

  test('is tried by somebody else at once when the probe goes away without an answer', async () => {
    const [first, second] = await queue(2)
    if (first === undefined || second === undefined) throw new Error('two wait')
    await fail()
    await due()
    await dispatch(db, docker, probeMs)
    await toStopping(db, first, 'user')
    expect(await row()).toMatchObject({ state: 'open', probe_session_id: null })
    expect(await dispatch(db, docker, probeMs)).toEqual([second.sessionId])
    await giveUpProbe(db, first.sessionId)
    expect(await row()).toMatchObject({ state: 'probing', probe_session_id: second.sessionId })
  })

  test('is tried again when the probe was lost: its claim ends', async () => {
    const [first, second] = await queue(2)
    await fail()
    await due()
    expect(await dispatch(db, docker, probeMs)).toEqual([first?.sessionId])
    await due()
    expect(await dispatch(db, docker, probeMs)).toEqual([second?.sessionId])
  })

  test('never brings more to begin than the limit has room for: a slot that is taken is taken', async () => {
    const keys = await queue(4)
    for (const key of keys.slice(0, 3)) await rows.scene(key, { state: 'provisioning' })
    await fail()
    await due()
    expect(await dispatch(db, docker, probeMs)).toEqual([])
    expect((await row()).state).toBe('open')
  })
})

describe('how long it stays open', () => {
  test('doubles with each failed try, up to its maximum', async () => {
    const waits = []
    for (let i = 0; i < 9; i++) {
      await fail()
      waits.push(await retryIn())
      await due()
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('is as long as the provider itself asks, where that is longer', async () => {
    await fail(nobody, 90 * minute)
    expect(await retryIn()).toBe(90)
    await due()
    await fail(nobody, 1)
    expect(await retryIn()).toBe(2)
  })

  test('does not move by a call that began before it opened, and of many failures at once one counts', async () => {
    await Promise.all(Array.from({ length: 10 }, async () => await fail()))
    expect(await row()).toMatchObject({ state: 'open', failures: 1 })
    expect(await retryIn()).toBe(1)
  })

  test('since when it is so stays the same while it stays so', async () => {
    await fail()
    const { since } = await row()
    await due()
    await fail()
    expect((await row()).since).toEqual(since)
    await recordAvailable(db, docker)
    expect((await row()).since.getTime()).toBeGreaterThan(since.getTime())
  })
})

test('what the provider said is kept for operators, whatever bytes it wrote', async () => {
  await recordUnavailable(db, docker, { sessionId: nobody, retryAfterMs: null, detail: 'not\0 now' }, timings)
  expect((await row()).detail).toBe('not now')
})

test('how the last list went is kept beside the breaker and does not touch it', async () => {
  await fail()
  const health = async () => (await readHealth(db)).find((h) => h.providerId === docker)
  await recordObserved(db, docker, { tookMs: 12, error: null })
  const first = await health()
  expect(first).toMatchObject({ state: 'open', observeMs: 12, observeError: null })
  await recordObserved(db, docker, { tookMs: 99, error: 'The provider does not answer.' })
  // When it was last seen whole stays known.
  expect(await health()).toEqual({ ...first, observeMs: 99, observeError: 'The provider does not answer.' })
})

test('a provider that can be listed again is tried at once, however long it was away', async () => {
  await queue(1)
  const listed = async (error: string | null) => await recordObserved(db, docker, { tookMs: 12, error })
  expect(await listed('The provider does not answer.')).toBe(false)
  await fail()
  await due()
  await fail()
  expect(await listed('The provider does not answer.')).toBe(false)
  expect(await retryIn()).toBe(2)
  expect(await listed(null)).toBe(true)
  expect(await retryIn()).toBeLessThanOrEqual(0)
  expect(await dispatch(db, docker, probeMs)).toHaveLength(1)
  // A list that succeeds beside creates that do not says nothing about them.
  await fail(((await row()).probe_session_id ?? nobody) as SessionId)
  expect(await listed(null)).toBe(false)
  expect(await retryIn()).toBeGreaterThan(1)
})
