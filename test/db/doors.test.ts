import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../db/connect.ts'
import { requestStop } from '../../db/intents.ts'
import { longestPassMs } from '../../domain/doors.ts'
import type { SessionKey } from '../../domain/session.ts'
import type { Doors } from '../../gateway/doors.ts'
import { createDoorScene, domain, hostOf, sharedTemplate } from '../setup/doors.ts'
import type { DoorScene, Visitor } from '../setup/doors.ts'
import { countStatements } from '../setup/statements.ts'

let scene: DoorScene
let db: Db
let owner: Visitor
let guest: Visitor
let key: SessionKey
beforeAll(async () => {
  scene = await createDoorScene()
  db = scene.rows.db
  owner = await scene.visitor()
  guest = await scene.visitor()
  key = await scene.ready(owner)
})
afterAll(async () => await scene.close())

const kindOf = async (pass: string | null, of = key, door = 'web') =>
  (await scene.gateway.check(pass, hostOf(of, door))).kind
const redeem = async (ticket: string, host = hostOf(key), ...existing: string[]) =>
  await scene.gateway.redeem(ticket, host, existing)

test('the gateway finds what it asks for', () => {
  const doors: Doors = scene.gateway
  expect(Object.keys(doors)).toContain('check')
})

describe('a ticket', () => {
  test('becomes a pass for its door, and says where to go', async () => {
    const ticket = await scene.ticket(key, owner, { path: '/lab?x=1' })
    const redeemed = await redeem(ticket)
    expect(redeemed).toMatchObject({ kind: 'pass', path: '/lab?x=1' })
    if (redeemed.kind !== 'pass') return
    expect(redeemed.expiresAt - Date.now()).toBeLessThanOrEqual(longestPassMs)
    const verdict = await scene.gateway.check(redeemed.pass, hostOf(key))
    expect(verdict).toMatchObject({
      kind: 'open',
      access: {
        ...key,
        door: 'web',
        mode: 'control',
        accountId: owner.accountId,
        spec: sharedTemplate.doors['web'],
        state: 'ready',
        providerId: 'fake',
        networks: ['10.0.0.0/8'],
        endpoint: { host: '10.1.2.3', port: 18_888 },
        secret: Buffer.from('sealed'),
        expiresAt: redeemed.expiresAt,
      },
    })
    // Neither is anywhere as it is.
    const stored = await sql<{ text: string }>`select (select json_agg(t) from door_ticket t)::text
      || (select json_agg(p) from door_pass p)::text as text`.execute(db)
    expect(stored.rows[0]?.text).not.toContain(ticket.slice(3))
    expect(stored.rows[0]?.text).not.toContain(redeemed.pass.slice(3))
  })

  test('is good once, whoever comes at the same moment', async () => {
    const ticket = await scene.ticket(key, owner)
    const racers = await Promise.all(Array.from({ length: 50 }, async () => await redeem(ticket)))
    const codes = racers.map((one) => (one.kind === 'pass' ? 'pass' : one.code))
    expect(codes.toSorted()).toEqual(['pass', ...Array.from({ length: 49 }, () => 'ticket_used')])
    expect(await redeem(ticket)).toEqual({ kind: 'refused', code: 'ticket_used' })
  })

  test('is good at its own door alone, and trying it elsewhere does not use it up', async () => {
    const ticket = await scene.ticket(key, owner)
    const other = await scene.ready(owner)
    for (const host of [hostOf(other), hostOf(key, 'desktop'), { ...hostOf(key), name: `evil.${domain}` }])
      expect(await redeem(ticket, host)).toEqual({ kind: 'refused', code: 'ticket_unknown' })
    expect((await redeem(ticket)).kind).toBe('pass')
  })

  test('is over after its time', async () => {
    const ticket = await scene.ticket(key, owner)
    const { rows } = await sql<{ seconds: number }>`
      select extract(epoch from expires_at - made_at)::int as seconds from door_ticket order by made_at desc limit 1`.execute(
      db,
    )
    expect(rows[0]?.seconds).toBe(30)
    await db
      .updateTable('door_ticket')
      .set({ expires_at: sql<Date>`now() - interval '1 millisecond'` })
      .where('used_at', 'is', null)
      .execute()
    expect(await redeem(ticket)).toEqual({ kind: 'refused', code: 'ticket_expired' })
  })

  test.each(['', 'ct_short', `cp_${'a'.repeat(43)}`, `ct_${'a'.repeat(43)}`])(
    'that never was is unknown: %s',
    async (text) => {
      expect(await redeem(text)).toEqual({ kind: 'refused', code: 'ticket_unknown' })
    },
  )

  test('of one account does not replace the pass of another, and stays good', async () => {
    await scene.invite(key, guest.accountId)
    const mine = await scene.enter(key, owner)
    const ticket = await scene.ticket(key, guest)
    const names = await db.selectFrom('account').select(['id', 'display_name']).execute()
    const nameOf = (who: Visitor) => names.find(({ id }) => id === who.accountId)?.display_name
    expect(await redeem(ticket, hostOf(key), mine)).toEqual({
      kind: 'refused',
      code: 'other_account',
      current: nameOf(owner),
      asked: nameOf(guest),
    })
    expect(await kindOf(mine)).toBe('open')
    expect((await redeem(ticket)).kind).toBe('pass')
    // Once more of the same account is nobody's loss, and what the browser has may be anything.
    expect((await redeem(await scene.ticket(key, owner), hostOf(key), mine)).kind).toBe('pass')
    expect((await redeem(await scene.ticket(key, owner), hostOf(key), 'cp_nonsense')).kind).toBe('pass')
  })

  test('is compared with the pass that counts, whatever a page planted beside it', async () => {
    const another = await scene.ready(owner)
    await scene.invite(another, guest.accountId)
    const [mine, theirs] = [await scene.enter(another, owner), await scene.enter(another, guest)]
    const used = await scene.enter(another, guest)
    const passId = await scene.passIdOf(another, guest)
    const ended = { ended_at: new Date(), end_reason: 'withdrawn', closed_at: new Date() }
    await db.updateTable('door_pass').set(ended).where('id', '=', passId).execute()
    const elsewhere = await scene.enter(await scene.ready(guest), guest)
    const planted = ['cp_nonsense', `cp_${'A'.repeat(43)}`, used, elsewhere]
    const by = async (who: Visitor, ...existing: string[]) => {
      const redeemed = await redeem(await scene.ticket(another, who), hostOf(another), ...planted, ...existing)
      return redeemed.kind === 'pass' ? 'pass' : redeemed.code
    }
    expect(await by(guest, mine)).toBe('other_account')
    expect(await by(owner, mine)).toBe('pass')
    expect([await by(owner, mine, theirs), await by(guest, mine, theirs)]).toEqual(['pass', 'other_account'])
    expect([await by(owner, theirs, mine), await by(owner)]).toEqual(['other_account', 'pass'])
  })

  test.each([
    [
      'the right is withdrawn',
      'no_access',
      async (of: SessionKey) =>
        await scene.rows.db.deleteFrom('collaborator').where('session_id', '=', of.sessionId).execute(),
    ],
    ['the session is asked to stop', 'ended', async (of: SessionKey) => await stop(of)],
  ] as const)('opens nothing once %s', async (_, code, withdraw) => {
    const of = await scene.ready(owner)
    await scene.invite(of, guest.accountId)
    const ticket = await scene.ticket(of, guest)
    await withdraw(of)
    expect(await redeem(ticket, hostOf(of))).toEqual({ kind: 'refused', code })
    expect(await redeem(ticket, hostOf(of))).toEqual({ kind: 'refused', code: 'ticket_used' })
    expect(await db.selectFrom('door_pass').select('id').where('session_id', '=', of.sessionId).execute()).toEqual([])
  })
})

const stop = async ({ sessionId }: SessionKey) =>
  await db.transaction().execute(async (trx) => await requestStop(trx, sessionId, 'user'))

describe('a pass', () => {
  test('is judged in one statement, as are many', async () => {
    const pass = await scene.enter(key, owner)
    const id = await scene.passIdOf(key, owner)
    expect(await countStatements(async () => await kindOf(pass))).toBe(1)
    expect(await countStatements(async () => await scene.gateway.recheck([id, id, 'd0']))).toBe(1)
    expect(await countStatements(async () => await scene.gateway.recheck([]))).toBe(0)
    expect(await countStatements(async () => await kindOf('nonsense'))).toBe(0)
    // Also when its use is noted.
    await db
      .updateTable('door_pass')
      .set({ used_at: sql<Date>`now() - interval '20 seconds'` })
      .execute()
    expect(await countStatements(async () => await kindOf(pass))).toBe(1)
    const used = db.selectFrom('door_pass').select(sql<boolean>`used_at > now() - interval '10 seconds'`.as('just'))
    expect(await used.where('id', '=', id).execute()).toEqual([{ just: true }])
  })

  test('opens its own door alone', async () => {
    const pass = await scene.enter(key, owner)
    const other = await scene.ready(owner)
    expect([await kindOf(pass), await kindOf(pass, key, 'desktop'), await kindOf(pass, other)]).toEqual([
      'open',
      'no_pass',
      'no_pass',
    ])
    expect(await kindOf(null)).toBe('no_pass')
  })

  test('for looking leads to where the door only shows; a desktop has one place for both', async () => {
    await scene.invite(await scene.ready(owner), guest.accountId)
    const of = await scene.ready(owner)
    await scene.invite(of, guest.accountId, 'view')
    const web = await scene.gateway.check(await scene.enter(of, guest, { mode: 'view' }), hostOf(of))
    expect(web).toMatchObject({ kind: 'open', access: { mode: 'view', endpoint: { port: 18_889 } } })
    const pass = await scene.enter(of, guest, { mode: 'view', door: 'desktop' })
    const desktop = await scene.gateway.check(pass, hostOf(of, 'desktop'))
    expect(desktop).toMatchObject({ kind: 'open', access: { mode: 'view', endpoint: { port: 15_901 } } })
    await expect(scene.enter(of, guest, { mode: 'control' })).rejects.toThrow('no_access')
  })

  test('is told by which certificate alone the session is spoken to', async () => {
    const of = await scene.ready(owner)
    const pass = await scene.enter(of, owner)
    const fingerprint = 'ab'.repeat(32)
    const endpoints = JSON.stringify([{ port: 8_888, host: '10.1.2.3', hostPort: 20_317, fingerprint }])
    await db.updateTable('instance').set({ endpoints }).where('session_id', '=', of.sessionId).execute()
    expect(await scene.gateway.check(pass, hostOf(of))).toMatchObject({
      kind: 'open',
      access: { endpoint: { host: '10.1.2.3', port: 20_317, fingerprint } },
    })
  })

  test('waits for a session that is not ready, and shows how far it is', async () => {
    const of = await scene.ready(owner)
    await scene.rows.scene(of, { state: 'provisioning' })
    const pass = await scene.enter(of, owner)
    expect(await scene.gateway.check(pass, hostOf(of))).toEqual({
      kind: 'not_ready',
      state: 'provisioning',
      progress: null,
    })
    await sql`insert into session_event (session_id, seq, epoch, type, data)
      values (${of.sessionId}, 90, 1, 'session.progress', '{"message": "Pulling", "percent": 40}')`.execute(db)
    expect(await scene.gateway.check(pass, hostOf(of))).toMatchObject({ progress: { message: 'Pulling', percent: 40 } })
    await scene.rows.scene(of, { state: 'ready' })
    await db.deleteFrom('instance').where('session_id', '=', of.sessionId).execute()
    expect(await scene.gateway.check(pass, hostOf(of))).toMatchObject({
      kind: 'open',
      access: { endpoint: null, secret: null },
    })
  })
})
