import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../db/connect.ts'
import { endDoors, keepPassword, noteUse, recordClosed } from '../../db/outside-accounts.ts'
import type { OutsideUse } from '../../db/outside-accounts.ts'
import { forgetDoors } from '../../db/door-upkeep.ts'
import { eraseNext } from '../../db/erasure.ts'
import { beatGateway } from '../../db/gateways.ts'
import { stopIdle } from '../../db/idle.ts'
import { noteOutsideDrift, readOutsideBooks } from '../../db/outside-drift.ts'
import { outsideEntry } from '../../db/outside-entry.ts'
import { beatOutside, outsideCuts, syncTunnels } from '../../db/outside-tunnels.ts'
import type { OutsideTunnel } from '../../db/outside-tunnels.ts'
import { answeredOf, answerOf, dueUses, recordOpened, recordRefused } from '../../db/outside-uses.ts'
import { recordWithdrawn, wantUse, withdrawUses } from '../../db/outside-uses.ts'
import { accountsToRemove, recordAccountRemoved, worthlessUses } from '../../db/outside-watch.ts'
import { revokeToken } from '../../db/tokens.ts'
import { listLiveTunnels, requestCut } from '../../db/tunnels.ts'
import type { SessionKey } from '../../domain/session.ts'
import { strays } from '../../domain/outside-sweep.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createSecrets } from '../../platform/secrets.ts'
import { createAccessAccounts } from '../../worker/access-accounts.ts'
import { createDoorScene } from '../setup/doors.ts'
import type { DoorScene, Visitor } from '../setup/doors.ts'

let scene: DoorScene
let db: Db
let owner: Visitor
let key: SessionKey
let use: OutsideUse
beforeAll(async () => {
  scene = await createDoorScene()
  db = scene.rows.db
})
afterAll(async () => await scene.close())
beforeEach(async () => {
  owner = await scene.visitor()
  key = await scene.ready(owner)
  use = { ...key, door: 'desktop', mode: 'control', accountId: owner.accountId }
})

const want = async () => {
  const asking = await db.transaction().execute(async (trx) => await wantUse(trx, use))
  if (asking === null) throw new Error('The session is not ready.')
  return asking
}
const openAs = async (asking: number) => {
  await noteUse(db, use)
  await recordOpened(db, use, asking, 'http://gateway.test/#/1')
}
const mine = (uses: readonly OutsideUse[]) => uses.filter(({ sessionId }) => sessionId === key.sessionId)
const tunnel = (id: string): OutsideTunnel => ({ ...use, id, remoteHost: '10.0.0.9' })
const live = async () => (await listLiveTunnels(db, key.sessionId, { after: null, limit: 10 })).items

describe('an asking', () => {
  test('waits, is answered, and its answer is told apart from one to an earlier asking', async () => {
    const first = await want()
    expect(await answerOf(db, use, first)).toEqual({ kind: 'waits' })
    expect(await dueUses(db, key)).toEqual([{ kind: 'open', use, asking: first }])
    await openAs(first)
    expect(await answerOf(db, use, first)).toEqual({ kind: 'open', url: 'http://gateway.test/#/1' })
    const second = await want()
    expect(await answerOf(db, use, second)).toEqual({ kind: 'waits' })
    expect(
      await answeredOf(db, [
        { ...use, asking: first },
        { ...use, asking: second },
      ]),
    ).toEqual([0])
    await recordRefused(db, use, second, 'rejected')
    expect(await answerOf(db, use, second)).toEqual({ kind: 'refused', code: 'rejected' })
  })

  test('that was withdrawn is not waited for, and comes back with the next', async () => {
    await openAs(await want())
    await withdrawUses(db, [use])
    expect(await dueUses(db, key)).toEqual([{ kind: 'withdraw', use }])
    await recordWithdrawn(db, use)
    expect(await answerOf(db, use, 1)).toEqual({ kind: 'refused', code: 'withdrawn' })
    expect(await dueUses(db, key)).toEqual([])
    const again = await want()
    expect(await dueUses(db, key)).toEqual([{ kind: 'open', use, asking: again }])
  })

  test('of a session that is to end is none', async () => {
    await db.updateTable('session').set({ state: 'stopping' }).where('id', '=', key.sessionId).execute()
    expect(await db.transaction().execute(async (trx) => await wantUse(trx, use))).toBeNull()
  })
})

describe('what stands outside is worthless', () => {
  test('without a pass and without a ticket', async () => {
    await openAs(await want())
    expect(mine(await worthlessUses(db))).toEqual([use])
  })

  test('not while a ticket waits, nor while its pass is good', async () => {
    await openAs(await want())
    await scene.ticket(key, owner, { door: 'desktop' })
    expect(mine(await worthlessUses(db))).toEqual([])
    await db.deleteFrom('door_ticket').where('session_id', '=', key.sessionId).execute()
    await scene.enter(key, owner, { door: 'desktop' })
    expect(mine(await worthlessUses(db))).toEqual([])
  })

  test('when the token behind pass and ticket is revoked, and when a guest with a ticket is sent away', async () => {
    await openAs(await want())
    await scene.enter(key, owner, { door: 'desktop' })
    await scene.ticket(key, owner, { door: 'desktop' })
    await db.transaction().execute(async (trx) => await revokeToken(trx, owner.tokenId))
    expect(mine(await worthlessUses(db))).toEqual([use])

    const guest = await scene.visitor()
    await scene.invite(key, guest.accountId)
    use = { ...use, accountId: guest.accountId }
    await openAs(await want())
    await scene.ticket(key, guest, { door: 'desktop' })
    expect(mine(await worthlessUses(db)).some(({ accountId }) => accountId === guest.accountId)).toBe(false)
    await db.deleteFrom('collaborator').where('session_id', '=', key.sessionId).execute()
    expect(mine(await worthlessUses(db)).some(({ accountId }) => accountId === guest.accountId)).toBe(true)
  })
})

describe('tunnels outside', () => {
  const listed = async () => Date.now() + 1_000

  test('come into the books once, are cut there, and leave them', async () => {
    await openAs(await want())
    await scene.enter(key, owner, { door: 'desktop' })
    await syncTunnels(db, [tunnel('a/1')], await listed())
    await syncTunnels(db, [tunnel('a/1')], await listed())
    const [shown, ...more] = await live()
    expect([shown?.door, shown?.kind, shown?.remoteAddress, more]).toEqual(['desktop', 'desktop', '10.0.0.9', []])
    expect(shown?.lastInputAt).not.toBeNull()
    expect(await outsideCuts(db)).toEqual([])
    await db.transaction().execute(async (trx) => await requestCut(trx, key.sessionId, shown?.id ?? ''))
    expect(await outsideCuts(db)).toEqual([{ id: shown?.id, outsideId: 'a/1' }])
    await syncTunnels(db, [], await listed())
    expect(await live()).toEqual([])
    expect(await outsideCuts(db)).toEqual([])
  })

  test('that were opened after the list was begun stay, and those without a pass stay out', async () => {
    await openAs(await want())
    await syncTunnels(db, [tunnel('a/2')], await listed())
    expect(await live()).toEqual([])
    await scene.enter(key, owner, { door: 'desktop' })
    await syncTunnels(db, [tunnel('a/2')], await listed())
    await syncTunnels(db, [], Date.now() - 60_000)
    expect(await live()).toHaveLength(1)
    await endDoors(db, key)
    await recordClosed(db, key)
    expect(await live()).toEqual([])
  })
})

describe('a way in', () => {
  const opened = async (minutesAgo: number) =>
    await sql`update outside_use set opened_at = now() - ${minutesAgo}::int * interval '1 minute'
      where account_id = ${owner.accountId}`.execute(db)
  const askings = async () => (await dueUses(db, key)).flatMap((due) => (due.kind === 'open' ? [due.asking] : []))
  beforeEach(async () => {
    const accounts = createAccessAccounts(db, createSecrets(createKeyring([{ id: 'k1', secret: new Uint8Array(32) }])))
    await openAs(await want())
    expect(await outsideEntry(db, use)).toBeNull()
    await accounts.swapToken(owner.accountId, null, { node: 'a', value: 'A'.repeat(64) })
  })

  test('is told while its token is seen to live, and not once it is withdrawn', async () => {
    expect((await outsideEntry(db, use))?.url).toBe('http://gateway.test/#/1')
    await opened(3)
    // Not that it is to be opened again: who comes once more finds it.
    await expect(outsideEntry(db, use, 1)).rejects.toThrow('has not answered')
    await recordOpened(db, use, 2, 'http://gateway.test/#/1')
    await opened(3)
    await scene.enter(key, owner, { door: 'desktop' })
    await syncTunnels(db, [tunnel('a/3')], Date.now())
    expect(await outsideEntry(db, use, 1)).not.toBeNull()
    await withdrawUses(db, [use])
    expect(await outsideEntry(db, use, 1)).toBeNull()
  })

  test('whose token may have died with what it lived in is asked for again, once for all who wait', async () => {
    await scene.enter(key, owner, { door: 'desktop' })
    await syncTunnels(db, [tunnel('a/5')], Date.now())
    await opened(3)
    // It was started anew: nothing is open there any more.
    await syncTunnels(db, [], Date.now() + 60_000)
    const waiting = [outsideEntry(db, use, 20_000), outsideEntry(db, use, 20_000)]
    await expect.poll(askings, { timeout: 10_000 }).toEqual([2])
    await recordOpened(db, use, 2, 'http://gateway.test/#/2')
    expect((await Promise.all(waiting)).map((entry) => entry?.url)).toEqual(Array(2).fill('http://gateway.test/#/2'))
    expect(await askings()).toEqual([])
  })

  test('that is refused or withdrawn when it is asked for again is none', async () => {
    await opened(3)
    const refused = outsideEntry(db, use, 20_000)
    await expect.poll(askings, { timeout: 10_000 }).toEqual([2])
    await recordRefused(db, use, 2, 'rejected')
    expect(await refused).toBeNull()
    await openAs(2)
    await opened(3)
    await withdrawUses(db, [use])
    expect(await outsideEntry(db, use, 20_000)).toBeNull()
    expect(await askings()).toEqual([])
  })
})

test('drift is counted as long as it lasts, and forgotten when it is over', async () => {
  await openAs(await want())
  const things = [
    { kind: 'connection', ...key },
    { kind: 'user', accountId: (await scene.visitor()).accountId },
    { kind: 'orphan', id: 'o' },
  ] as const
  const found = strays(things, await readOutsideBooks(db, things))
  expect(found.map(({ kind }) => kind)).toEqual(['user', 'orphan'])
  const seen = async (of: typeof found) => {
    const sightingOf = await noteOutsideDrift(db, of)
    return of.map((stray) => sightingOf(stray).seen)
  }
  expect(await seen(found)).toEqual([1, 1])
  expect(await seen(found)).toEqual([2, 2])
  expect(await seen(found.slice(0, 1))).toEqual([3])
  expect(await seen(found)).toEqual([4, 1])
  await sql`update session set state = 'stopped', reason = 'user', ended_at = now() where id = ${key.sessionId}`.execute(
    db,
  )
  expect(strays(things, await readOutsideBooks(db, things)).map(({ kind }) => kind)).toContain('connection')
})

test('a session that was entered outside is idle by what is seen there, and not at all while nobody looks', async () => {
  await sql`update template_version set spec = spec || '{"idleTimeoutSeconds": 600}'`.execute(db)
  await sql`delete from beat`.execute(db)
  await beatGateway(db, 'g1')
  await openAs(await want())
  const idleFor = async (minutes: number) =>
    await sql`update session set state_since = now() - ${minutes}::int * interval '1 minute' where id = ${key.sessionId}`.execute(
      db,
    )
  const isWarned = async () => {
    await sql`update outage set ended_at = to_timestamp(1)`.execute(db)
    await stopIdle(db)
    return (await scene.events(key)).some(({ type }) => type === 'session.idle_warning')
  }
  await idleFor(9)
  expect(await isWarned()).toBe(false)
  await beatOutside(db)
  await scene.enter(key, owner, { door: 'desktop' })
  await syncTunnels(db, [tunnel('a/4')], Date.now())
  expect(await isWarned()).toBe(false)
  await sql`update session_activity set last_input_at = now() - interval '9 minutes'`.execute(db)
  expect(await isWarned()).toBe(true)
})

test('who was let in is forgotten 30 days after the doors were closed, and what is open keeps its session', async () => {
  await openAs(await want())
  const left = async () =>
    (await db.selectFrom('outside_use').select('door').where('session_id', '=', key.sessionId).execute()).length
  await endDoors(db, key)
  await forgetDoors(db)
  expect(await left()).toBe(1)
  await recordClosed(db, key)
  await sql`update outside_doors set closed_at = now() - interval '31 days' where session_id = ${key.sessionId}`.execute(
    db,
  )
  await forgetDoors(db)
  expect(await left()).toBe(0)
})

test('an account that is erased leaves the wish that it be removed outside, too', async () => {
  const visitor = await scene.visitor()
  await keepPassword(db, visitor.accountId, Buffer.from('sealed'))
  await sql`update account set disabled_at = now(), erase_requested_at = now() where id = ${visitor.accountId}`.execute(
    db,
  )
  expect(await accountsToRemove(db)).toEqual([])
  while ((await eraseNext(db)).more) continue
  expect(await accountsToRemove(db)).toEqual([visitor.accountId])
  await recordAccountRemoved(db, visitor.accountId)
  expect(await accountsToRemove(db)).toEqual([])
})
