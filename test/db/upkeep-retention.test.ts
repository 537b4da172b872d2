import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createUpkeepActivities } from '../../activities/upkeep.ts'
import { admitSession } from '../../db/admission.ts'
import { recordAudit } from '../../db/audit.ts'
import type { Db } from '../../db/connect.ts'
import { abandonSession, toReady, toStopping } from '../../db/endings.ts'
import { readSessionEvents } from '../../db/events.ts'
import { beginInstance, recordRemoved } from '../../db/instances.ts'
import { deleteAudit, deleteSessions, pruneEvents, pruneSessions, withoutName } from '../../db/retention.ts'
import type { Batch } from '../../db/upkeep.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { liveStates } from '../../domain/lifecycle.ts'
import type { SessionKey } from '../../domain/session.ts'
import { age, endedSession, endNow, minutesOf, rowsOf } from '../setup/aged.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows({ startLimit: 1_000 })
  db = rows.db
})
afterAll(async () => await rows.close())
beforeEach(async () => {
  // What the test before left to be done.
  await everything()
  owner = await rows.account()
})

const fake = 'fake' as ProviderId
const nothing: Batch = { done: 0, more: false }
const days = 10
const over = minutesOf(days) + 1
const within = minutesOf(days) - 1

/** Batches until nothing is left. */
async function all(batch: (db: Db, days: number) => Promise<Batch>, of = days): Promise<Batch[]> {
  const batches = [await batch(db, of)]
  while (batches.at(-1)?.more === true) batches.push(await batch(db, of))
  return batches
}
const everything = async () => {
  await all(pruneEvents)
  await all(pruneSessions)
  await all(deleteSessions)
}
const sessionRow = async ({ sessionId }: SessionKey) =>
  await db.selectFrom('session').selectAll().where('id', '=', sessionId).executeTakeFirstOrThrow()
const historyOf = async ({ sessionId }: SessionKey) => await readSessionEvents(db, sessionId, 0, 5_000)
const usage = async () => await db.selectFrom('session_usage').selectAll().orderBy('session_id').execute()

describe('each rule counts from the end of the session', () => {
  test('of its history only the end is left', async () => {
    const [old, young] = [await endedSession(rows, owner, over), await endedSession(rows, owner, within)]
    const [before, youngBefore] = [await historyOf(old), await historyOf(young)]
    expect(await all(pruneEvents)).toEqual([{ done: before.length - 1, more: false }])
    expect(await historyOf(old)).toEqual([before.at(-1)])
    expect(before.at(-1)?.data).toEqual({ state: 'stopped', reason: 'user' })
    expect(await historyOf(young)).toEqual(youngBefore)
    expect(await all(pruneEvents)).toEqual([nothing])
  })

  test('what its user typed is gone; what it was and held is not', async () => {
    const [old, young] = [await endedSession(rows, owner, over), await endedSession(rows, owner, within)]
    const [before, youngBefore] = [await sessionRow(old), await sessionRow(young)]
    expect(await all(pruneSessions)).toEqual([{ done: 1, more: false }])
    const after = await sessionRow(old)
    expect(after).toEqual({
      ...before,
      name: withoutName,
      parameters: {},
      mounts: [],
      operator_detail: null,
      pruned_at: expect.any(Date),
      version: before.version + 1,
    })
    // Whole words: an id may well have the letters of a name in it.
    expect(JSON.stringify(after)).not.toMatch(/of Ada|ada-private|ada-2026|ada: no such/i)
    expect(await sessionRow(young)).toEqual(youngBefore)
    expect(await all(pruneSessions)).toEqual([nothing])
  })

  test('why it was refused is kept', async () => {
    await rows.limit({ kind: 'account', id: owner.accountId }, { sessions: 0 })
    const key = await rows.session(owner)
    expect(await admitSession(db, key)).toEqual({ kind: 'rejected' })
    await age(db, key, over)
    const { refusal } = await sessionRow(key)
    await all(pruneSessions)
    expect(await sessionRow(key)).toMatchObject({ refusal, state: 'rejected', name: withoutName })
  })

  test('the session goes with all that hangs on it, and its usage stays', async () => {
    const [old, young] = [await endedSession(rows, owner, over), await endedSession(rows, owner, within)]
    const before = await usage()
    // What hangs on it goes first: on its own, deleting waits for that.
    expect(await deleteSessions(db, days)).toEqual(nothing)
    await everything()
    expect(await rowsOf(db, old)).toEqual({ session: 0, events: 0, instances: 0, reservations: 0, usage: 1 })
    expect(await rowsOf(db, young)).toMatchObject({ session: 1, instances: 1, reservations: 1, usage: 1 })
    expect(await usage()).toEqual(before)
    expect(await all(deleteSessions)).toEqual([nothing])
  })

  test('a line of the audit goes by its own age', async () => {
    const write = async (action: string, minutesAgo: number) =>
      await sql`insert into audit_event (at, action, subject_kind, outcome)
        values (now() - ${minutesAgo}::float8 * interval '1 minute', ${action}, 'test', 'accepted')`.execute(db)
    await write('old', over)
    await write('young', within)
    await recordAudit(db, {
      accountId: owner.accountId,
      client: 'test',
      onBehalfOf: null,
      action: 'now',
      subject: { kind: 'test', id: null },
      outcome: 'accepted',
      requestId: null,
    })
    expect(await all(deleteAudit)).toEqual([{ done: 1, more: false }])
    const left = await db.selectFrom('audit_event').select('action').where('subject_kind', '=', 'test').execute()
    expect(left.map((row) => row.action).toSorted()).toEqual(['now', 'young'])
  })
})

describe('whatever the rule, these stay', () => {
  test('a live session, in each of its states, however old', async () => {
    const keys = await Promise.all(
      liveStates.map(async (state) => {
        const key = await rows.session(owner)
        await rows.scene(key, { state, requested_at: new Date(0), state_since: new Date(0) })
        return key
      }),
    )
    const before = await Promise.all(keys.map(async (key) => [await sessionRow(key), await historyOf(key)]))
    await everything()
    expect(await Promise.all(keys.map(async (key) => [await sessionRow(key), await historyOf(key)]))).toEqual(before)
  })

  test('an abandoned one whose instance nobody has seen gone, until somebody has', async () => {
    const key = await rows.session(owner)
    await admitSession(db, key)
    await beginInstance(db, key, fake, Buffer.from('secret'))
    await toStopping(db, key, 'user')
    expect(await abandonSession(db, key)).toEqual({ kind: 'moved' })
    await age(db, key, over)
    await everything()
    expect(await rowsOf(db, key)).toMatchObject({ session: 1, instances: 1, reservations: 1 })
    expect(await sessionRow(key)).toMatchObject({ name: withoutName, state: 'failed', reason: 'abandoned' })
    await recordRemoved(db, key)
    await everything()
    expect(await rowsOf(db, key)).toMatchObject({ session: 0, instances: 0, reservations: 0 })
  })

  test('one that still holds a reservation', async () => {
    const key = await endedSession(rows, owner, over)
    await db.updateTable('reservation').set({ released_at: null }).where('session_id', '=', key.sessionId).execute()
    await everything()
    expect(await rowsOf(db, key)).toMatchObject({ session: 1, reservations: 1 })
    await db
      .updateTable('reservation')
      .set({ released_at: new Date() })
      .where('session_id', '=', key.sessionId)
      .execute()
  })

  test('everything, where the rule says for ever', async () => {
    const key = await endedSession(rows, owner, minutesOf(5_000))
    const before = [
      await sessionRow(key),
      await historyOf(key),
      await db.selectFrom('audit_event').selectAll().execute(),
    ]
    const retention = { eventDays: null, parameterDays: null, sessionDays: null, auditDays: null }
    const activities = createUpkeepActivities({ db, retention, warn: () => {} })
    for (const deed of ['pruneEvents', 'pruneSessions', 'deleteSessions', 'deleteAudit'] as const)
      expect(await activities[deed]()).toEqual(nothing)
    expect([
      await sessionRow(key),
      await historyOf(key),
      await db.selectFrom('audit_event').selectAll().execute(),
    ]).toEqual(before)
    await everything()
  })
})

test('a long history goes from its beginning, at most 500 lines at once, and what is left has no hole', async () => {
  const key = await rows.session(owner)
  await admitSession(db, key)
  await sql`
    with lines as (
      insert into session_event (session_id, seq, epoch, xid, type, data)
      select id, event_seq + n, event_epoch, event_xid, 'session.progress', '{}'
      from session, generate_series(1, 1100) as n where id = ${key.sessionId})
    update session set event_seq = event_seq + 1100 where id = ${key.sessionId}`.execute(db)
  await endNow(db, key)
  await age(db, key, over)
  const before = await historyOf(key)
  const holes: boolean[] = []
  const sizes: Batch[] = []
  do {
    sizes.push(await pruneEvents(db, days))
    const left = await historyOf(key)
    holes.push(left.some((event, n) => event.seq !== left[0]!.seq + n))
    expect(left.at(-1)).toEqual(before.at(-1))
  } while (sizes.at(-1)?.more === true)
  expect(sizes).toEqual([
    { done: 500, more: true },
    { done: 500, more: true },
    { done: before.length - 1_001, more: false },
  ])
  expect(holes).toEqual([false, false, false])
})

describe('beside others', () => {
  test('a row that somebody is writing is left to the next run', async () => {
    // somebody:  lock the session ································ commit
    // retention:                    each rule, which passes it by          each rule
    const key = await endedSession(rows, owner, over)
    await db.transaction().execute(async (trx) => {
      await trx.selectFrom('session').select('id').where('id', '=', key.sessionId).forNoKeyUpdate().execute()
      // Whoever waited here would wait for this very transaction.
      await everything()
    })
    expect(await rowsOf(db, key)).toMatchObject({ session: 1 })
    await everything()
    expect(await rowsOf(db, key)).toMatchObject({ session: 0, usage: 1 })
  })

  test('admissions of the same payers go on, and several runs at once do not hurt', async () => {
    const old = await Promise.all(Array.from({ length: 8 }, async () => await endedSession(rows, owner, over)))
    const asked = await Promise.all(Array.from({ length: 8 }, async () => await rows.session(owner)))
    const [admitted] = await Promise.all([
      Promise.all(
        asked.map(async (key) => {
          const decision = await admitSession(db, key)
          await toReady(db, key)
          return decision.kind
        }),
      ),
      everything(),
      everything(),
    ])
    expect(new Set(admitted)).toEqual(new Set(['admitted']))
    await everything()
    for (const key of old) expect(await rowsOf(db, key)).toMatchObject({ session: 0, usage: 1 })
    for (const key of asked) expect(await rowsOf(db, key)).toMatchObject({ session: 1, reservations: 1, usage: 0 })
  })
})
