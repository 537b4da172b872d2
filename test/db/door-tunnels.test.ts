import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../db/connect.ts'
import { forgetDoors, settleDoors } from '../../db/door-upkeep.ts'
import { endSession, toStopping } from '../../db/endings.ts'
import { eraseNext } from '../../db/erasure.ts'
import { recordEvent } from '../../db/events.ts'
import { requestStop } from '../../db/intents.ts'
import { listLiveTunnels, requestCut } from '../../db/tunnels.ts'
import type { SessionKey } from '../../domain/session.ts'
import { untilBlocked } from '../setup/blocked.ts'
import { createDoorScene, hostOf } from '../setup/doors.ts'
import type { DoorScene, Visitor } from '../setup/doors.ts'
import { countStatements } from '../setup/statements.ts'

let scene: DoorScene
let db: Db
let owner: Visitor
let key: SessionKey
beforeAll(async () => {
  scene = await createDoorScene()
  db = scene.rows.db
  owner = await scene.visitor()
})
afterAll(async () => await scene.close())
beforeEach(async () => {
  key = await scene.ready(owner)
})

/** Enters the session and opens a tunnel. */
async function inside(of = key, who = owner) {
  const pass = await scene.enter(of, who)
  const verdict = await scene.gateway.check(pass, hostOf(of))
  if (verdict.kind !== 'open') throw new Error(verdict.kind)
  const { access } = verdict
  return { pass, access, id: await scene.gateway.openTunnel(access, 'websocket', '192.0.2.7') }
}
const touched = async (id: string, over: { bytesIn?: number; bytesOut?: number; lastInputAt?: number | null } = {}) =>
  await scene.gateway.touch([{ id, bytesIn: 0, bytesOut: 0, lastInputAt: null, ...over }])
const live = async (of = key) => (await listLiveTunnels(db, of.sessionId, { after: null, limit: 100 })).items
const cut = async (id: string, of = key) =>
  await db.transaction().execute(async (trx) => await requestCut(trx, of.sessionId, id))
const lastInput = async (of = key) =>
  (
    await db
      .selectFrom('session_activity')
      .select('last_input_at')
      .where('session_id', '=', of.sessionId)
      .executeTakeFirst()
  )?.last_input_at?.getTime() ?? null
const connectionsOf = async (of = key) =>
  (await scene.events(of))
    .filter(({ type }) => type.startsWith('connection.'))
    .map(({ type, data }) => [type.slice(11), data['reason']])
const unused = async (of = key) =>
  await db
    .updateTable('door_pass')
    .set({ used_at: sql<Date>`now() - interval '61 seconds'` })
    .where('session_id', '=', of.sessionId)
    .execute()
const stop = async (of = key) =>
  await db.transaction().execute(async (trx) => await requestStop(trx, of.sessionId, 'user'))

describe('a tunnel', () => {
  test('is seen while it is open, with what passed through it; what is said late takes nothing back', async () => {
    const { id } = await inside()
    const input = Date.now() - 1_000
    expect(
      await countStatements(async () => await touched(id, { bytesIn: 10, bytesOut: 2 ** 40, lastInputAt: input })),
    ).toBe(1)
    await touched(id, { bytesIn: 3 })
    expect(await live()).toMatchObject([
      { id, door: 'web', mode: 'control', kind: 'websocket', accountId: owner.accountId, remoteAddress: '192.0.2.7' },
    ])
    expect(await live()).toMatchObject([{ bytesIn: 10, bytesOut: 2 ** 40, isEnding: false }])
    expect((await live())[0]?.lastInputAt?.getTime()).toBe(input)
    await scene.gateway.closeTunnel(id, 'left', { bytesIn: 12, bytesOut: 0 })
    await scene.gateway.closeTunnel(id, 'cut', { bytesIn: 11, bytesOut: 0 })
    expect(await live()).toEqual([])
    const row = db.selectFrom('tunnel').select(['bytes_in', 'bytes_out', 'close_reason']).where('id', '=', id)
    expect(await row.executeTakeFirst()).toEqual({ bytes_in: '12', bytes_out: String(2 ** 40), close_reason: 'left' })
  })

  test('that somebody wishes to end, that has ended, or that nobody knows, is to be cut', async () => {
    const [one, two, three] = [await inside(), await inside(), await inside()]
    const ids = [one.id, two.id, three.id, 'n0']
    expect(await cut(one.id)).toMatchObject({ accountId: owner.accountId, door: 'web', isNew: true })
    expect(await cut(one.id)).toMatchObject({ isNew: false })
    expect(await cut('n0')).toBeNull()
    expect(await cut(two.id, await scene.ready(owner))).toBeNull()
    await scene.gateway.closeTunnel(two.id, 'left', { bytesIn: 0, bytesOut: 0 })
    expect(await cut(two.id)).toBeNull()
    const gone = [one.id, two.id, 'n0'].toSorted()
    expect((await scene.gateway.cutWishes(ids)).toSorted()).toEqual(gone)
    const uses = ids.map((id) => ({ id, bytesIn: 0, bytesOut: 0, lastInputAt: null }))
    expect((await scene.gateway.touch(uses)).toSorted()).toEqual(gone)
    expect((await live()).map(({ id, isEnding }) => [id, isEnding])).toEqual([
      [three.id, false],
      [one.id, true],
    ])
  })

  test('of a gateway that was not heard of for a minute is closed; of one that was, not', async () => {
    const { id } = await inside()
    await scene.gateway.beat('g1')
    expect(await live()).toHaveLength(1)
    await sql`update gateway set beat_at = now() - interval '61 seconds'`.execute(db)
    await settleDoors(db)
    expect(await live()).toEqual([])
    expect(await touched(id)).toEqual([id])
    await scene.gateway.beat('g1')
  })
})

describe('activity', () => {
  test('is the last input of all tunnels, and never in the future; bytes are none', async () => {
    const [one, two] = [await inside(), await inside()]
    await db.updateTable('session_activity').set({ last_input_at: null }).execute()
    await touched(one.id, { bytesIn: 500 })
    expect(await lastInput()).toBeNull()
    const early = Date.now() - 60_000
    await touched(one.id, { lastInputAt: early })
    expect(await lastInput()).toBe(early)
    await touched(two.id, { lastInputAt: early - 5_000 })
    expect(await lastInput()).toBe(early)
    await touched(two.id, { lastInputAt: Date.now() + 3_600_000 })
    expect(await lastInput()).toBeLessThanOrEqual(Date.now() + 5_000)
  })

  test('begins with entering', async () => {
    expect(await lastInput()).toBeNull()
    await scene.enter(key, owner)
    expect(await lastInput()).not.toBeNull()
  })
})

describe('a connection', () => {
  test('is opened by entering, and closed once nobody uses it, with who, why and how much', async () => {
    const { id, pass } = await inside()
    await scene.gateway.closeTunnel(id, 'left', { bytesIn: 7, bytesOut: 9 })
    await scene.gateway.beat('g1')
    expect(await connectionsOf()).toEqual([['opened', undefined]])
    await unused()
    await scene.gateway.beat('g1')
    await scene.gateway.beat('g1')
    const about = { door: 'web', mode: 'control', accountId: owner.accountId }
    expect(await scene.events(key)).toMatchObject([
      { type: 'session.state' },
      { type: 'connection.opened', data: about },
      { type: 'connection.closed', data: { ...about, reason: 'idle', bytesIn: 7, bytesOut: 9 } },
    ])
    const audit = db.selectFrom('audit_event').selectAll().where('subject_id', '=', key.sessionId).orderBy('id')
    expect(await audit.execute()).toMatchObject([
      { action: 'enterDoor', account_id: owner.accountId, client: 'test', on_behalf_of: null, detail: about },
      { action: 'leaveDoor', account_id: owner.accountId, detail: { ...about, reason: 'idle', bytesIn: 7 } },
    ])
    // Its pass is good still: whoever comes back is there again.
    expect((await scene.gateway.check(pass, hostOf(key))).kind).toBe('open')
    await scene.gateway.beat('g1')
    expect(await connectionsOf()).toEqual([
      ['opened', undefined],
      ['closed', 'idle'],
      ['opened', undefined],
    ])
  })

  test('of whom a portal acts for says both in the audit', async () => {
    const portal = await scene.visitor()
    await scene.enter(key, owner, { tokenId: portal.tokenId })
    const audit = db
      .selectFrom('audit_event')
      .select(['account_id', 'on_behalf_of'])
      .where('subject_id', '=', key.sessionId)
    expect(await audit.execute()).toEqual([{ account_id: portal.accountId, on_behalf_of: owner.accountId }])
  })

  test('ends with the right behind it, once what was open through it is closed or had its time', async () => {
    const guest = await scene.visitor()
    await scene.invite(key, guest.accountId)
    const { id, pass } = await inside(key, guest)
    await db.deleteFrom('collaborator').where('session_id', '=', key.sessionId).execute()
    await scene.gateway.beat('g1')
    expect(await connectionsOf()).toEqual([['opened', undefined]])
    await scene.gateway.closeTunnel(id, 'withdrawn', { bytesIn: 1, bytesOut: 1 })
    await scene.gateway.beat('g1')
    expect(await connectionsOf()).toEqual([
      ['opened', undefined],
      ['closed', 'withdrawn'],
    ])
    // What has ended does not come back with the right.
    await scene.invite(key, guest.accountId)
    expect((await scene.gateway.check(pass, hostOf(key))).kind).toBe('no_pass')
  })

  test('of which a gateway says nothing any more ends nevertheless', async () => {
    await inside()
    await stop()
    await settleDoors(db)
    expect(await connectionsOf()).toEqual([['opened', undefined]])
    await sql`update door_pass set used_at = now() - interval '16 seconds'`.execute(db)
    await settleDoors(db)
    expect(await connectionsOf()).toEqual([
      ['opened', undefined],
      ['closed', 'ended'],
    ])
    expect(await live()).toEqual([])
  })

  test('is closed before its session ends, whatever gateways say; nothing comes after the end', async () => {
    const { id } = await inside()
    await stop()
    await toStopping(db, key, 'user')
    await db
      .updateTable('instance')
      .set({ removed_at: sql<Date>`now()` })
      .where('session_id', '=', key.sessionId)
      .execute()
    expect((await endSession(db, key)).kind).toBe('moved')
    await scene.gateway.closeTunnel(id, 'ended', { bytesIn: 5, bytesOut: 5 })
    await unused()
    await scene.gateway.beat('g1')
    const types = (await scene.events(key)).map(({ type }) => type)
    expect(types.slice(-2)).toEqual(['connection.closed', 'session.state'])
  })

  test('that somebody is just closing is closed before its session ends', async () => {
    // gateway: lock the last pass ─────────────────── lock the session ── commit
    // end:                          lock all (waits) ·································· close, end
    await scene.enter(key, owner)
    await scene.enter(key, owner)
    const last = await scene.passIdOf(key, owner)
    let ending: ReturnType<typeof endSession> | undefined
    await toStopping(db, key, 'user')
    await db.transaction().execute(async (trx) => {
      await trx.selectFrom('door_pass').select('id').where('id', '=', last).forNoKeyUpdate().execute()
      ending = endSession(db, key)
      await untilBlocked(db)
      await recordEvent(trx, key.sessionId, 'connection.closed', {})
    })
    expect((await ending)?.kind).toBe('moved')
    const types = (await scene.events(key)).map(({ type }) => type)
    expect(types.slice(-2)).toEqual(['connection.closed', 'session.state'])
  })

  test('is closed once, whoever settles it', async () => {
    await scene.enter(key, owner)
    await unused()
    await Promise.all(Array.from({ length: 8 }, async () => await settleDoors(db)))
    expect(await connectionsOf()).toEqual([
      ['opened', undefined],
      ['closed', 'idle'],
    ])
  })
})

test('tickets, tunnels and passes are forgotten when their time is long over, and a live one never', async () => {
  await db.deleteFrom('tunnel').execute()
  await db.deleteFrom('door_pass').execute()
  await db.deleteFrom('door_ticket').execute()
  const { id } = await inside()
  await inside()
  await scene.ticket(key, owner)
  await sql`update door_ticket set expires_at = now() - interval '61 minutes' where used_at is not null`.execute(db)
  await sql`update gateway set beat_at = now() - interval '25 hours'`.execute(db)
  await scene.gateway.closeTunnel(id, 'left', { bytesIn: 0, bytesOut: 0 })
  await sql`update tunnel set closed_at = now() - interval '31 days' where id = ${id}`.execute(db)
  await sql`update door_pass set expires_at = now() - interval '31 days', closed_at = now() - interval '31 days'`.execute(
    db,
  )
  // Two tickets, a tunnel, a gateway, and the pass without a tunnel.
  expect(await forgetDoors(db)).toEqual({ done: 5, more: false })
  expect(await forgetDoors(db)).toEqual({ done: 0, more: false })
  const { rows } = await sql<{ tickets: number; tunnels: number; passes: number }>`
    select (select count(*)::int from door_ticket) as tickets, (select count(*)::int from tunnel) as tunnels,
      (select count(*)::int from door_pass) as passes`.execute(db)
  expect(rows).toEqual([{ tickets: 1, tunnels: 1, passes: 1 }])
})

test('of an account that is erased nothing is left of where it was, and its connections are closed', async () => {
  const guest = await scene.visitor()
  await scene.invite(key, guest.accountId)
  await inside(key, guest)
  await scene.ticket(key, guest)
  await sql`update account set erase_requested_at = now(), disabled_at = now() where id = ${guest.accountId}`.execute(
    db,
  )
  expect((await eraseNext(db)).done).toBe(1)
  expect(await connectionsOf()).toEqual([
    ['opened', undefined],
    ['closed', 'withdrawn'],
  ])
  const { rows } = await sql`
    select account_id from door_pass where account_id = ${guest.accountId}
    union all select account_id from door_ticket where account_id = ${guest.accountId}
    union all select account_id from collaborator where account_id = ${guest.accountId}
    union all select id from tunnel where session_id = ${key.sessionId}`.execute(db)
  expect(rows).toEqual([])
})
