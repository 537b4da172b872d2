import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createUpkeepActivities } from '../../activities/upkeep.ts'
import type { Db } from '../../db/connect.ts'
import { readSessionEvents } from '../../db/events.ts'
import { readFigures } from '../../db/figures.ts'
import { requestStop } from '../../db/intents.ts'
import { forgetDrift, forgetOutages, forgetReconciliations, stopOverdue } from '../../db/upkeep.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { SessionState } from '../../domain/lifecycle.ts'
import { defaultRetention } from '../../domain/retention.ts'
import type { SessionKey } from '../../domain/session.ts'
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

const fake = 'fake' as ProviderId
const secondsFromNow = (seconds: number) => sql<Date>`now() + ${seconds}::float8 * interval '1 second'`

async function sessionIn(state: SessionState, over: { wish?: number; life?: number }): Promise<SessionKey> {
  const key = await rows.session(owner)
  const { wish, life } = over
  await db
    .updateTable('session')
    .set({
      state,
      ...(wish === undefined ? {} : { expires_at: secondsFromNow(wish) }),
      ...(life === undefined ? {} : { lifetime_ends_at: secondsFromNow(life) }),
    })
    .where('id', '=', key.sessionId)
    .execute()
  return key
}

const stopOf = async ({ sessionId }: SessionKey) =>
  (await db.selectFrom('session').select('stop_reason').where('id', '=', sessionId).executeTakeFirstOrThrow())
    .stop_reason

describe('sessions whose time is over', () => {
  test('are asked to stop a minute later, whichever of their two times it was, and nobody else is', async () => {
    const over = [
      await sessionIn('ready', { wish: -62 }),
      await sessionIn('ready', { wish: 3_600, life: -62 }),
      await sessionIn('paused', { life: -62 }),
    ]
    const asked = await sessionIn('ready', { wish: -62 })
    await db.transaction().execute(async (trx) => await requestStop(trx, asked.sessionId, 'user'))
    const others = [
      await sessionIn('ready', { wish: -50, life: -50 }),
      await sessionIn('ready', {}),
      await sessionIn('queued', { wish: -7_200 }),
      await sessionIn('provisioning', { wish: -7_200 }),
      await sessionIn('stopping', { wish: -7_200 }),
    ]
    expect((await readFigures(db)).expiryOverdue).toBe(3)
    const warned: unknown[] = []
    const { stopOverdueSessions } = createUpkeepActivities({
      db,
      retention: defaultRetention,
      warn: (found) => warned.push(found),
    })
    expect(await stopOverdueSessions()).toEqual({ done: 3, more: false })
    expect(warned).toEqual([{ sessions: 3 }])
    for (const key of over) {
      expect(await stopOf(key)).toBe('expired')
      expect((await readSessionEvents(db, key.sessionId, 0, 10)).at(-1)?.type).toBe('session.stop_requested')
    }
    expect((await readFigures(db)).expiryOverdue).toBe(0)
    expect(await stopOf(asked)).toBe('user')
    for (const key of others) expect(await stopOf(key)).toBeNull()
    expect(await stopOverdueSessions()).toEqual({ done: 0, more: false })
    expect(warned).toHaveLength(1)
  })

  test('that somebody is just writing are left to the next run, at once', async () => {
    const key = await sessionIn('ready', { wish: -62 })
    await db.transaction().execute(async (trx) => {
      await trx.selectFrom('session').select('id').where('id', '=', key.sessionId).forNoKeyUpdate().execute()
      // Whoever waited here would wait for this very transaction.
      expect(await stopOverdue(db)).toEqual({ done: 0, more: false })
    })
    expect(await stopOverdue(db)).toEqual({ done: 1, more: false })
  })
})

describe('reconciliations', () => {
  const hour = 1 / 24
  const ago = (days: number) => sql<Date>`now() - ${days}::float8 * interval '24 hours'`
  const add = async (name: string, requested: number, started: number | null, ended: number | null) => {
    await db
      .insertInto('reconciliation')
      .values({
        id: newId('reconciliation'),
        provider_id: fake,
        requested_by: null,
        dry_run: true,
        remove_names: [name],
        requested_at: ago(requested),
        started_at: started === null ? null : ago(started),
        ended_at: ended === null ? null : ago(ended),
        outcome: ended === null ? null : 'done',
      })
      .execute()
  }
  const outcomes = async () => {
    const left = await db.selectFrom('reconciliation').select(['remove_names', 'outcome', 'ended_at']).execute()
    expect(left.every((row) => (row.ended_at === null) === (row.outcome === null))).toBe(true)
    return Object.fromEntries(left.map((row) => [row.remove_names[0], row.outcome]))
  }
  afterEach(async () => void (await db.deleteFrom('reconciliation').execute()))

  test('are forgotten 30 days after they ended', async () => {
    await add('long ago', 31, 31, 30.01)
    await add('lately', 31, 31, 29.9)
    expect(await forgetReconciliations(db)).toEqual({ done: 1, more: false })
    expect(await outcomes()).toEqual({ lately: 'done' })
  })

  test('that nothing was heard of for an hour have failed, begun or not', async () => {
    await add('its run ended without a word', 2, hour * 1.02, null)
    await add('never begun', hour * 1.02, null, null)
    await add('running', 2, hour * 0.98, null)
    await add('waiting', hour * 0.98, null, null)
    await add('done', 2, 2, 2)
    expect(await forgetReconciliations(db)).toEqual({ done: 2, more: false })
    expect(await outcomes()).toEqual({
      'its run ended without a word': 'failed',
      'never begun': 'failed',
      running: null,
      waiting: null,
      done: 'done',
    })
    expect(await forgetReconciliations(db)).toEqual({ done: 0, more: false })
  })
})

test('what differed is forgotten 30 days after it was seen last', async () => {
  for (const [subject, days] of [
    ['old', 30.01],
    ['new', 29.9],
  ] as const)
    await sql`insert into drift (provider_id, kind, subject, first_seen_at, last_seen_at)
      values (${fake}, 'orphan_instance', ${subject}, now() - interval '90 days', now() - ${days}::float8 * interval '24 hours')`.execute(
      db,
    )
  expect(await forgetDrift(db)).toEqual({ done: 1, more: false })
  expect(await db.selectFrom('drift').select('subject').execute()).toEqual([{ subject: 'new' }])
})

test('an outage is kept while a live session was asked for before it ended', async () => {
  await db.updateTable('session').set({ state: 'stopped', reason: 'user', ended_at: new Date() }).execute()
  const oldest = await rows.session(owner)
  await rows.scene(oldest, { requested_at: new Date(Date.now() - 48 * 3_600_000) })
  const outage = async (role: string, hoursAgo: number) =>
    await sql`insert into outage values (${role}, now() - ${hoursAgo + 1}::float8 * interval '1 hour',
      now() - ${hoursAgo}::float8 * interval '1 hour')`.execute(db)
  await outage('core', 49.1)
  await outage('core', 48.5)
  await outage('provider/fake', 3)
  const left = async () =>
    (await db.selectFrom('outage').select('role').orderBy('began_at').execute()).map((r) => r.role)
  expect(await forgetOutages(db)).toEqual({ done: 1, more: false })
  expect(await left()).toEqual(['core', 'provider/fake'])
  await db.updateTable('session').set({ state: 'stopped', reason: 'user', ended_at: new Date() }).execute()
  expect(await forgetOutages(db)).toEqual({ done: 2, more: false })
})
