import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createUpkeepActivities } from '../../activities/upkeep.ts'
import type { Db } from '../../db/connect.ts'
import { stopIdle } from '../../db/idle.ts'
import { requestStop } from '../../db/intents.ts'
import { requestPause } from '../../db/pause-wishes.ts'
import { toPaused, toPausing, toReadyAgain } from '../../db/pauses.ts'
import type { PauseWish } from '../../domain/pausing.ts'
import { defaultRetention } from '../../domain/retention.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createDoorScene, hostOf } from '../setup/doors.ts'
import type { DoorScene, Visitor } from '../setup/doors.ts'
import { allPausable } from '../setup/pausable.ts'

let scene: DoorScene
let db: Db
let owner: Visitor
let key: SessionKey
beforeAll(async () => {
  scene = await createDoorScene()
  db = scene.rows.db
  owner = await scene.visitor()
  // Half an hour: warned after 25 min.
  await sql`update template_version set spec = jsonb_set(spec, '{idleTimeoutSeconds}', '1800')`.execute(db)
})
afterAll(async () => await scene.close())
beforeEach(async () => {
  await sql`update session set state = 'stopping' where state = 'ready'`.execute(db)
  await sql`delete from outage`.execute(db)
  await sql`delete from beat`.execute(db)
  key = await scene.ready(owner)
  await gatewaysSince(10 * 60)
})

/** Gateways have been there for so many minutes, and are. */
const gatewaysSince = async (minutes: number) => {
  await scene.gateway.beat('g1')
  await sql`update outage set ended_at = now() - ${minutes}::int * interval '1 minute' where role = 'gateway'`.execute(
    db,
  )
}
/** So many minutes pass for the session and for all that was done in it. */
const pass = async (minutes: number, of = key) => {
  const ago = sql`${minutes}::float8 * interval '1 minute'`
  await sql`update session set state_since = state_since - ${ago} where id = ${of.sessionId}`.execute(db)
  await sql`update session_activity set last_input_at = last_input_at - ${ago}, idle_since = idle_since - ${ago},
    warned_at = warned_at - ${ago}, stop_at = stop_at - ${ago} where session_id = ${of.sessionId}`.execute(db)
}
const stopOf = async (of = key) =>
  (await db.selectFrom('session').select('stop_reason').where('id', '=', of.sessionId).executeTakeFirstOrThrow())
    .stop_reason
const warnings = async (of = key) => (await scene.events(of)).filter(({ type }) => type === 'session.idle_warning')
const inMinutes = (time: unknown) => Math.round((Date.parse(String(time)) - Date.now()) / 60_000)

describe('a session that nobody does anything in', () => {
  test('warns, once, with the time of its stop, and stops then', async () => {
    await pass(24)
    expect(await stopIdle(db)).toEqual({ done: 0, more: false })
    await pass(2)
    expect(await stopIdle(db)).toEqual({ done: 1, more: false })
    expect(await stopIdle(db)).toEqual({ done: 0, more: false })
    const [warning, ...more] = await warnings()
    expect(more).toEqual([])
    expect(warning?.data).toMatchObject({ limitSeconds: 1_800 })
    expect(inMinutes(warning?.data['stopAt'])).toBe(5)
    expect(inMinutes(warning?.data['idleSince'])).toBe(-26)
    await pass(4)
    expect((await stopIdle(db)).done).toBe(0)
    await pass(1.1)
    expect((await stopIdle(db)).done).toBe(1)
    expect(await stopOf()).toBe('idle')
    expect((await stopIdle(db)).done).toBe(0)
  })

  test('is not stopped without its warning, however late somebody looks', async () => {
    await pass(300)
    await stopIdle(db)
    expect(await stopOf()).toBeNull()
    expect(inMinutes((await warnings())[0]?.data['stopAt'])).toBe(5)
    await stopIdle(db)
    expect(await stopOf()).toBeNull()
    await pass(5.1)
    await stopIdle(db)
    expect(await stopOf()).toBe('idle')
  })

  test('goes on with input, and is warned anew of the next spell', async () => {
    await pass(26)
    await stopIdle(db)
    await pass(4.5)
    await scene.enter(key, owner)
    await pass(20)
    expect((await stopIdle(db)).done).toBe(0)
    await pass(6)
    expect((await stopIdle(db)).done).toBe(1)
    expect(await warnings()).toHaveLength(2)
    expect(await stopOf()).toBeNull()
  })

  test('counts what tunnels report as input, and bytes as none', async () => {
    const pass1 = await scene.enter(key, owner)
    const verdict = await scene.gateway.check(pass1, hostOf(key))
    if (verdict.kind !== 'open') throw new Error(verdict.kind)
    const id = await scene.gateway.openTunnel(verdict.access, 'desktop', '192.0.2.1')
    await pass(26)
    await scene.gateway.touch([{ id, bytesIn: 9_000, bytesOut: 9_000, lastInputAt: null }])
    expect((await stopIdle(db)).done).toBe(1)
    await scene.gateway.touch([{ id, bytesIn: 9_000, bytesOut: 9_000, lastInputAt: Date.now() }])
    await pass(6)
    await stopIdle(db)
    expect(await stopOf()).toBeNull()
  })

  test('is left alone where no gateway ever was, and where one came only now', async () => {
    await pass(300)
    await sql`delete from outage`.execute(db)
    await sql`delete from beat`.execute(db)
    expect((await stopIdle(db)).done).toBe(0)
    await scene.gateway.beat('g1')
    expect((await stopIdle(db)).done).toBe(0)
    await gatewaysSince(26)
    expect((await stopIdle(db)).done).toBe(1)
  })

  test('is not idle in the time in which its gateways were away, whether or not they came back', async () => {
    await pass(40)
    const outage = async (from: number, to: number) =>
      await sql`insert into outage (role, began_at, ended_at) values ('gateway',
        now() - ${from}::int * interval '1 minute', now() - ${to}::int * interval '1 minute')`.execute(db)
    await outage(38, 8)
    expect((await stopIdle(db)).done).toBe(0)
    await sql`delete from outage where began_at > to_timestamp(0)`.execute(db)
    await sql`update beat set at = now() - interval '20 minutes' where role = 'gateway'`.execute(db)
    expect((await stopIdle(db)).done).toBe(0)
    await sql`update beat set at = now() where role = 'gateway'`.execute(db)
    expect((await stopIdle(db)).done).toBe(1)
  })
})

describe('nobody is stopped', () => {
  test.each<readonly [string, () => Promise<unknown>]>([
    ...(['pausing', 'paused', 'resuming', 'queued'] as const).map(
      (state) => [`that is ${state}`, async () => await scene.rows.scene(key, { state })] as const,
    ),
    [
      'that is asked to stop already',
      async () => await db.transaction().execute(async (trx) => await requestStop(trx, key.sessionId, 'user')),
    ],
    [
      'while the installation is disarmed',
      async () => await sql`update installation set disarmed_at = now(), disarmed_reason = 'copied'`.execute(db),
    ],
  ])('%s', async (_, prepare) => {
    await pass(300)
    await prepare()
    const upkeep = createUpkeepActivities({ db, retention: defaultRetention, warn: () => {} })
    expect(await upkeep.stopIdleSessions()).toEqual({ done: 0, more: false })
    await sql`update installation set disarmed_at = null, disarmed_reason = null`.execute(db)
  })

  test('that somebody may have entered where nobody sees what they do', async () => {
    await pass(300)
    const at = { session_id: key.sessionId, generation: 1 }
    await db.insertInto('outside_doors').values(at).execute()
    const use = { ...at, door: 'desktop', mode: 'control', account_id: owner.accountId } as const
    await db
      .insertInto('outside_use')
      .values({ ...use, noted_at: new Date() })
      .execute()
    expect((await stopIdle(db)).done).toBe(0)
    await db.updateTable('outside_use').set({ withdrawn_at: new Date() }).execute()
    expect((await stopIdle(db)).done).toBe(1)
  })

  test('whose template has no limit', async () => {
    const plain = await scene.rows.session(owner)
    await sql`update template_version set spec = jsonb_set(spec, '{idleTimeoutSeconds}', 'null')
      where template_id = (select template_id from session where id = ${plain.sessionId})`.execute(db)
    await scene.rows.scene(plain, { state: 'ready' })
    await pass(3_000, plain)
    await stopIdle(db)
    expect(await warnings(plain)).toEqual([])
  })
})

describe('a session that rests', () => {
  const ask = async (wish: PauseWish) =>
    expect((await db.transaction().execute(async (trx) => await requestPause(trx, key.sessionId, wish))).kind).toBe(
      'requested',
    )
  const warned = async () => {
    await allPausable(db)
    await pass(26)
    expect((await stopIdle(db)).done).toBe(1)
  }

  test('is as if it had begun when it goes on: neither the rest nor a warning before it counts', async () => {
    await warned()
    await ask('pause')
    await toPausing(db, { ...key, number: 1 })
    await toPaused(db, { ...key, number: 1 })
    await pass(600)
    expect((await stopIdle(db)).done).toBe(0)
    await ask('resume')
    await scene.rows.scene(key, { state: 'resuming' })
    expect((await toReadyAgain(db, { ...key, number: 2 })).moved).toEqual({ kind: 'moved' })
    expect((await stopIdle(db)).done).toBe(0)
    await pass(24)
    expect((await stopIdle(db)).done).toBe(0)
    await pass(2)
    expect((await stopIdle(db)).done).toBe(1)
    expect(await warnings()).toHaveLength(2)
    expect(await stopOf()).toBeNull()
    await pass(5.1)
    await stopIdle(db)
    expect(await stopOf()).toBe('idle')
  })

  test('is not stopped between the wish and the rest, however long nobody carries it out', async () => {
    await warned()
    await ask('pause')
    await pass(60)
    expect((await stopIdle(db)).done).toBe(0)
    expect(await stopOf()).toBeNull()
  })
})

test('two who look at the same moment warn once', async () => {
  await pass(26)
  const [one, two] = await Promise.all([stopIdle(db), stopIdle(db)])
  expect(one.done + two.done).toBe(1)
  expect(await warnings()).toHaveLength(1)
})
