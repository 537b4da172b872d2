import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../db/connect.ts'
import { claimDeliveries, nextDeliveryInMs, settleDelivery } from '../../db/deliveries.ts'
import { endSession, toStopping } from '../../db/endings.ts'
import { requestStop } from '../../db/intents.ts'
import { lookAt } from '../../db/look.ts'
import { defaultTimings } from '../../domain/timings.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows({ poolSize: 12 })
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())
afterEach(async () => {
  await sql`update session set seen_version = wake_version, stop_requested_at = null, stop_reason = null`.execute(db)
})

const claimed = async (limit = 100) => (await claimDeliveries(db, limit)).map((d) => d.sessionId)
const look = async (key: SessionKey) => await lookAt(db, key.sessionId, defaultTimings)
const stop = async (key: SessionKey) =>
  await db.transaction().execute(async (trx) => await requestStop(trx, key.sessionId, 'user'))
const waitsThereAre = [10, 20, 40, 80, 160, 300, 320, 640, 1_280, 2_560, 3_600]
/** After how many seconds the session is tried again: the next of the waits there are, as some of it has passed by now. */
const triedIn = async (key: SessionKey) => {
  const { rows: found } = await sql<{ s: number }>`
    select extract(epoch from next_try_at - now())::float8 as s from session where id = ${key.sessionId}`.execute(db)
  return waitsThereAre.find((wait) => wait >= (found[0]?.s ?? Number.NaN))
}
const due = async (key: SessionKey) =>
  await sql`update session set next_try_at = now() - interval '1 ms' where id = ${key.sessionId}`.execute(db)

describe('claiming', () => {
  test('each due delivery is taken by exactly one of ten who claim at once, and all of them are taken', async () => {
    // taker 1: lock rows 1–7 ────────── set their next try ── commit
    // taker 2:      skip 1–7, lock 8–14 ── …
    const keys = await Promise.all(Array.from({ length: 60 }, async () => await rows.session(owner)))
    const taken: string[] = []
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        for (let got = await claimed(7); got.length > 0; got = await claimed(7)) {
          expect(got.length).toBeLessThanOrEqual(7)
          taken.push(...got)
        }
      }),
    )
    expect(taken.toSorted()).toEqual(keys.map((k) => k.sessionId as string).sort())
  })

  test('never more are taken than asked for, the longest due first', async () => {
    const keys = []
    for (let i = 0; i < 5; i++) {
      const key = await rows.session(owner)
      keys.push(key)
      await sql`update session set next_try_at = now() - ${10 - i} * interval '1 minute' where id = ${key.sessionId}`.execute(
        db,
      )
    }
    expect((await claimed(3)).toSorted()).toEqual(
      keys
        .slice(0, 3)
        .map((k) => k.sessionId as string)
        .sort(),
    )
  })

  test('what was claimed tells what to do: whether a run may be there, and which wish it is about', async () => {
    const key = await rows.session(owner)
    const [first] = await claimDeliveries(db, 10)
    expect(first).toMatchObject({ ...key, state: 'requested', wakeVersion: 1, seenBefore: false, providerId: 'fake' })
    await look(key)
    await stop(key)
    expect((await claimDeliveries(db, 10))[0]).toMatchObject({ wakeVersion: 2, seenBefore: true })
  })
})

describe('a try that is lost', () => {
  test('is repeated after 10 s, doubling to 5 min, until the workflow has looked', async () => {
    const key = await rows.session(owner)
    const waits = []
    for (let i = 0; i < 8; i++) {
      expect(await claimed()).toEqual([key.sessionId])
      expect(await claimed()).toEqual([])
      waits.push(await triedIn(key))
      await due(key)
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300])
    await look(key)
    expect(await claimed()).toEqual([])
    expect(await nextDeliveryInMs(db)).toBeNull()
  })

  test('a new wish is tried at once, and its waiting begins anew', async () => {
    const key = await rows.session(owner)
    for (let i = 0; i < 4; i++) {
      await claimed()
      await due(key)
    }
    await claimed()
    expect(await triedIn(key)).toBe(160)
    await stop(key)
    expect(await nextDeliveryInMs(db)).toBe(0)
    expect(await claimed()).toEqual([key.sessionId])
    expect(await triedIn(key)).toBe(10)
  })

  test('when the next one is due is known, so that nobody looks in vain', async () => {
    const key = await rows.session(owner)
    await claimed()
    const ms = await nextDeliveryInMs(db)
    expect(ms).toBeGreaterThan(5_000)
    expect(ms).toBeLessThanOrEqual(10_000)
    await look(key)
    expect(await nextDeliveryInMs(db)).toBeNull()
  })
})

describe('a wish that comes', () => {
  test('after the claim and before the look is in the look, and needs no delivery of its own', async () => {
    const key = await rows.session(owner)
    await claimed()
    await stop(key)
    expect((await look(key))?.stop).toBe('user')
    expect(await claimed()).toEqual([])
  })

  test('and is seen is asked after until the session has ended: 10 s after the look, then ever more seldom', async () => {
    const key = await rows.session(owner)
    await stop(key)
    await claimed()
    await look(key)
    expect(await claimed()).toEqual([])
    expect(await triedIn(key)).toBe(10)
    const waits = []
    for (let i = 0; i < 10; i++) {
      await due(key)
      expect(await claimed()).toEqual([key.sessionId])
      waits.push(await triedIn(key))
    }
    expect(waits).toEqual([20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600])
    await toStopping(db, key, 'user')
    await endSession(db, key)
    await due(key)
    expect(await claimed()).toEqual([])
  })

  test('after the look, while the starter still tells the workflow of the one before, is delivered again', async () => {
    // starter: claim (wake 1) ────────────────────────────── settles what it claimed
    // workflow:                look: seen 1
    // api:                                    stop: wake 2                              → due
    const key = await rows.session(owner)
    const [delivery] = await claimDeliveries(db, 10)
    await look(key)
    await stop(key)
    await settleDelivery(db, key.sessionId, delivery?.wakeVersion ?? 0)
    expect(await claimed()).toEqual([key.sessionId])
  })

  test('many wishes and looks at once: at the end every wish was seen, or is due', async () => {
    const keys = await Promise.all(Array.from({ length: 12 }, async () => await rows.session(owner)))
    const looks = new Map<string, boolean>()
    await Promise.all(
      keys.flatMap((key) => [
        stop(key),
        claimed(),
        (async () => looks.set(key.sessionId, (await look(key))?.stop === 'user'))(),
      ]),
    )
    await sql`update session set next_try_at = now() where seen_version < wake_version`.execute(db)
    const still = await claimed()
    for (const key of keys) expect(still.includes(key.sessionId)).toBe(looks.get(key.sessionId) !== true)
  })
})

test('settling says that nobody is left to tell; it never takes back what was seen since', async () => {
  const key = await rows.session(owner)
  await settleDelivery(db, key.sessionId, 1)
  expect(await claimed()).toEqual([])
  await stop(key)
  await look(key)
  await settleDelivery(db, key.sessionId, 1)
  expect(await claimed()).toEqual([])
})
