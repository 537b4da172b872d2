import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { beat, coreRole, outagesSince, providerRole } from '../../db/beats.ts'
import { claimDeliveries } from '../../db/deliveries.ts'
import type { Db } from '../../db/connect.ts'
import { beginInstance, recordObservations } from '../../db/instances.ts'
import { requestStop } from '../../db/intents.ts'
import { lookAt } from '../../db/look.ts'
import { endMaintenance, putMaintenance } from '../../db/maintenance.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { defaultTimings } from '../../domain/timings.ts'
import type { Look, SessionKey } from '../../domain/session.ts'
import { holding } from '../setup/blocked.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows()
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())

const second = 1_000
const minute = 60 * second
const ago = (ms: number) => new Date(Date.now() - ms)

async function look(key: SessionKey): Promise<Look> {
  const seen = await lookAt(db, key.sessionId, defaultTimings)
  if (seen === null) throw new Error('The session is not there.')
  return seen
}
const versionsOf = async (key: SessionKey) =>
  await db
    .selectFrom('session')
    .select(['wake_version', 'seen_version'])
    .where('id', '=', key.sessionId)
    .executeTakeFirstOrThrow()
const stop = async (executor: Db, key: SessionKey) =>
  await executor.transaction().execute(async (trx) => await requestStop(trx, key.sessionId, 'user'))

describe('what was asked, and what was seen of it', () => {
  test('a look notes that it has seen what it read, and nothing that comes after', async () => {
    const key = await rows.session(owner)
    expect(await versionsOf(key)).toEqual({ wake_version: 1, seen_version: 0 })
    expect((await look(key)).stop).toBeNull()
    expect(await versionsOf(key)).toEqual({ wake_version: 1, seen_version: 1 })
    await stop(db, key)
    expect(await versionsOf(key)).toEqual({ wake_version: 2, seen_version: 1 })
    expect((await look(key)).stop).toBe('user')
    expect(await versionsOf(key)).toEqual({ wake_version: 2, seen_version: 2 })
  })

  test('a wish that commits while the look waits for it is in the look', async () => {
    // stop: lock ── raise wake ─────────────── commit
    // look:                     lock (waits) ·········· reads the wish, and notes that it has seen it
    const key = await rows.session(owner)
    const seen = await holding(
      db,
      async (trx) => await requestStop(trx, key.sessionId, 'admin'),
      async () => await look(key),
    )
    expect(seen.stop).toBe('admin')
    expect(await versionsOf(key)).toEqual({ wake_version: 2, seen_version: 2 })
  })

  test('a suspicion that commits while the look waits for it is in the look', async () => {
    // observer: instance: absent ── session: raise wake ─────────────── commit
    // look:                                        lock (waits) ················· reads `absent`
    const key = await rows.session(owner)
    await beginInstance(db, key, 'fake' as ProviderId, Buffer.from('secret'))
    await rows.scene(key, { state: 'ready' })
    const seen = await holding(
      db,
      async (trx) => await recordObservations(trx, [{ ...key, seen: 'absent', suspicious: true }]),
      async () => await look(key),
    )
    expect(seen.suspect).toBe(true)
    expect(await claimDeliveries(db, 100)).not.toContainEqual(expect.objectContaining({ sessionId: key.sessionId }))
  })

  test('there is nothing to see of a session that is not there', async () => {
    expect(await lookAt(db, newId('session'), defaultTimings)).toBeNull()
  })

  test('an instance of which a part is missing is worth a look where it should run, and nowhere else', async () => {
    const key = await rows.session(owner)
    await beginInstance(db, key, 'fake' as ProviderId, Buffer.from('secret'))
    await recordObservations(db, [{ ...key, seen: 'pending', suspicious: false }])
    await rows.scene(key, { state: 'provisioning' })
    expect((await look(key)).suspect).toBe(false)
    await rows.scene(key, { state: 'ready' })
    expect((await look(key)).suspect).toBe(true)
  })
})

describe('deadlines', () => {
  test('an outage of the core or of the provider does not count, that of another provider does', async () => {
    const key = await rows.session(owner)
    await rows.scene(key, { state: 'provisioning', requested_at: ago(10 * minute), dispatched_at: ago(5 * minute) })
    expect((await look(key)).dueInMs).toBeLessThanOrEqual(-4 * minute)
    await outage(coreRole, 4 * minute, 3 * minute)
    await outage(providerRole('fake'), 3.5 * minute, 1 * minute)
    await outage(providerRole('other'), 5 * minute, 0)
    // Five minutes passed, three of them unserved: one minute was allowed, so it is a minute late.
    const { dueInMs } = await look(key)
    expect(dueInMs).toBeLessThanOrEqual(-minute)
    expect(dueInMs).toBeGreaterThan(-minute - 20 * second)
    await db.deleteFrom('outage').execute()
  })

  test('an outage that still lasts does not count either: the provider’s queues have been silent', async () => {
    const key = await rows.session(owner)
    await rows.scene(key, { state: 'provisioning', requested_at: ago(10 * minute), dispatched_at: ago(5 * minute) })
    await lastBeat(providerRole('fake'), 4.5 * minute)
    const { dueInMs } = await look(key)
    expect(dueInMs).toBeGreaterThan(20 * second)
    expect(dueInMs).toBeLessThanOrEqual(30 * second)
    await lastBeat(providerRole('fake'), 20 * second)
    expect((await look(key)).dueInMs).toBeLessThanOrEqual(-4 * minute)
    await db.deleteFrom('beat').execute()
  })

  test('the earlier of the wish and the end of the lifetime bounds a ready session, whatever was served', async () => {
    const key = await rows.session(owner, { expiresAt: new Date(Date.now() + 10 * minute) })
    await rows.scene(key, { state: 'ready' })
    await outage(coreRole, 9 * minute, 0)
    expect((await look(key)).dueInMs).toBeGreaterThan(9 * minute)
    await sql`update session set lifetime_ends_at = now() + interval '1 minute' where id = ${key.sessionId}`.execute(db)
    expect((await look(key)).dueInMs).toBeLessThanOrEqual(minute)
    await db.deleteFrom('outage').execute()
  })

  test('the breaker’s next try is told as time from now; while it is closed, where there is room it is now', async () => {
    const key = await rows.session(owner)
    await rows.scene(key, { state: 'queued' })
    // Whoever made the room has woken those who wait, or died before it could dispatch.
    expect((await look(key)).retryInMs).toBe(0)
    await sql`update provider_health set state = 'open', retry_at = now() + interval '30 seconds'`.execute(db)
    const { retryInMs } = await look(key)
    expect(retryInMs).toBeGreaterThan(20 * second)
    expect(retryInMs).toBeLessThanOrEqual(30 * second)
    await sql`update provider_health set retry_at = now() - interval '1 hour'`.execute(db)
    expect((await look(key)).retryInMs).toBe(0)
    // Out of service, or without a free slot, it is worth no try: whoever waits would ask again and again.
    await sql`update provider set draining_at = now()`.execute(db)
    expect((await look(key)).retryInMs).toBeNull()
    await sql`update provider set draining_at = null`.execute(db)
    const busy = await Promise.all(Array.from({ length: 5 }, async () => await rows.session(owner)))
    for (const other of busy) await rows.scene(other, { state: 'provisioning' })
    expect((await look(key)).retryInMs).toBeNull()
    await sql`update provider_health set state = 'closed', retry_at = null`.execute(db)
    expect((await look(key)).retryInMs).toBeNull()
  })
})

describe('beats', () => {
  const role = providerRole('beaten')
  const stored = async () => await outagesSince(db, 'beaten', ago(60 * minute))

  test('a gap of up to 30 s is no outage, a longer one is, from the last beat to the first new one', async () => {
    await beat(db, role)
    await lastBeat(role, 29 * second)
    await beat(db, role)
    expect(await stored()).toEqual([])
    await lastBeat(role, 90 * second)
    await beat(db, role)
    const [gap] = await stored()
    expect((gap?.to ?? 0) - (gap?.from ?? 0)).toBeGreaterThanOrEqual(90 * second)
    expect((gap?.to ?? 0) - (gap?.from ?? 0)).toBeLessThan(95 * second)
  })

  test('of many who come back at once one stores the outage', async () => {
    await db.deleteFrom('outage').execute()
    await lastBeat(role, 90 * second)
    await Promise.all(Array.from({ length: 10 }, async () => await beat(db, role)))
    expect(await stored()).toHaveLength(1)
    await db.deleteFrom('outage').execute()
  })

  test('many who beat a role for the first time make one row', async () => {
    await Promise.all(Array.from({ length: 10 }, async () => await beat(db, providerRole('firstborn'))))
    const found = await db.selectFrom('beat').select('at').where('role', '=', providerRole('firstborn')).execute()
    expect(found).toHaveLength(1)
  })
})

async function lastBeat(role: string, msAgo: number): Promise<void> {
  await sql`
    insert into beat (role, at) values (${role}, now() - ${msAgo} * interval '1 millisecond')
    on conflict (role) do update set at = excluded.at`.execute(db)
}

async function outage(role: string, fromMsAgo: number, toMsAgo: number): Promise<void> {
  await db
    .insertInto('outage')
    .values({ role, began_at: ago(fromMsAgo), ended_at: ago(toMsAgo) })
    .execute()
}

test('maintenance bounds nobody who waits to be admitted, while it lasts and afterwards', async () => {
  const key = await rows.session(owner)
  const late = { ...defaultTimings, decisionLimitMs: 60 * minute }
  const dueInMs = async () => (await lookAt(db, key.sessionId, late))?.dueInMs ?? null
  await db
    .updateTable('session')
    .set({ requested_at: ago(90 * minute) })
    .where('id', '=', key.sessionId)
    .execute()
  expect(await dueInMs()).toBeLessThan(0)
  await db
    .transaction()
    .execute(async (trx) => await putMaintenance(trx, { text: 'The storage moves.', until: null }, null))
  try {
    expect(await dueInMs()).toBeNull()
    await db
      .updateTable('installation')
      .set({ maintenance_since: ago(80 * minute) })
      .execute()
  } finally {
    await db.transaction().execute(endMaintenance)
  }
  expect(await dueInMs()).toBeGreaterThan(45 * minute)
})
