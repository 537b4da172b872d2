import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { disableAccount } from '../../db/account-standing.ts'
import type { Db, Trx } from '../../db/connect.ts'
import { endSession, markCleanupOverdue, noteOperatorDetail, toQueued, toReady, toStopping } from '../../db/endings.ts'
import { readSessionEvents } from '../../db/events.ts'
import { tombstone, beginInstance, recordRemoved } from '../../db/instances.ts'
import { requestStop } from '../../db/intents.ts'
import { lookAt } from '../../db/look.ts'
import { before, move } from '../../db/transitions.ts'
import { pendingUndo } from '../../db/undo.ts'
import { isEnd, mayFollow, sessionStates } from '../../domain/lifecycle.ts'
import type { StopReason } from '../../domain/lifecycle.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { holding, untilBlocked } from '../setup/blocked.ts'
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
const events = async (key: SessionKey) => await readSessionEvents(db, key.sessionId, 0, 100)
const session = async (key: SessionKey) =>
  await db.selectFrom('session').selectAll().where('id', '=', key.sessionId).executeTakeFirstOrThrow()
const stop = async (key: SessionKey, reason: StopReason) =>
  await db.transaction().execute(async (trx) => await requestStop(trx, key.sessionId, reason))

describe('a transition', () => {
  test('is written with its event, raises the version, and wakes nobody unless it is told to', async () => {
    const key = await rows.session(owner)
    const earlier = await session(key)
    expect(await move(db, { key, from: ['requested'], to: 'queued', data: { waitingFor: 'provider_busy' } })).toEqual({
      kind: 'moved',
    })
    expect((await events(key)).at(-1)).toMatchObject({
      seq: 2,
      type: 'session.state',
      data: { state: 'queued', waitingFor: 'provider_busy' },
    })
    const later = await session(key)
    expect(later).toMatchObject({ state: 'queued', version: earlier.version + 1, wake_version: 1 })
    await move(db, { key, from: ['queued'], to: 'provisioning', wake: true })
    expect(await session(key)).toMatchObject({ wake_version: 2, tries: 0 })
  })

  test('a repeat is `already` and writes nothing, also of many at once', async () => {
    const key = await rows.session(owner)
    const one = async () => await move(db, { key, from: ['requested'], to: 'queued' })
    const moved = await Promise.all(Array.from({ length: 10 }, one))
    expect(moved.filter((m) => m.kind === 'moved')).toHaveLength(1)
    expect(moved.filter((m) => m.kind === 'already')).toHaveLength(9)
    expect(await events(key)).toHaveLength(2)
  })

  test('one that comes from a state the session is not in writes nothing, and says where it is', async () => {
    const key = await rows.session(owner)
    expect(await move(db, { key, from: ['queued'], to: 'provisioning' })).toEqual({
      kind: 'elsewhere',
      state: 'requested',
    })
    expect(await events(key)).toHaveLength(1)
  })

  test('a generation that has passed writes nothing any more', async () => {
    const key = await rows.session(owner)
    await rows.scene(key, { state: 'provisioning', generation: 2 })
    const gone = { kind: 'elsewhere', state: null }
    expect((await toReady(db, key)).moved).toEqual(gone)
    expect(await toQueued(db, key, 'provider_unavailable')).toEqual(gone)
    expect((await toStopping(db, key, 'internal')).moved).toEqual(gone)
    await noteOperatorDetail(db, key, 'from another time')
    expect(await session(key)).toMatchObject({ state: 'provisioning', operator_detail: null, lifetime_ends_at: null })
    expect((await toReady(db, { ...key, generation: 2 })).moved).toEqual({ kind: 'moved' })
  })

  test('what the lifecycle does not allow throws, whatever the row says, and writes nothing', async () => {
    const key = await rows.session(owner)
    const illegal = sessionStates.flatMap((from) =>
      sessionStates.filter((to) => !mayFollow(from, to)).map((to) => [from, to] as const),
    )
    for (const [from, to] of illegal)
      await expect(move(db, { key, from: [from], to })).rejects.toThrow('may not become')
    await expect(move(db, { key, from: ['requested', 'ready'], to: 'queued' })).rejects.toThrow('ready may not become')
    expect(await events(key)).toHaveLength(1)
  })

  test('and its event are undone together', async () => {
    const key = await rows.session(owner)
    const broken = db.transaction().execute(async (trx) => {
      await move(trx, { key, from: ['requested'], to: 'queued' })
      throw new Error('the process died')
    })
    await expect(broken).rejects.toThrow('the process died')
    expect(await rows.stateOf(key)).toBe('requested')
    expect(await events(key)).toHaveLength(1)
    await move(db, { key, from: ['requested'], to: 'queued' })
    expect((await events(key)).map((e) => e.seq)).toEqual([1, 2])
  })

  test('however a life goes, its history is its transitions, numbered without a gap', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...sessionStates), { maxLength: 12 }), async (wishes) => {
        const key = await rows.session(owner)
        const lived = ['requested']
        for (const to of wishes.filter((state) => before(state).length > 0)) {
          if (isEnd(to)) await sql`update session set reason = 'user' where id = ${key.sessionId}`.execute(db)
          const moved = await move(db, { key, from: before(to), to })
          if (moved.kind === 'moved') lived.push(to)
        }
        const history = await events(key)
        expect(history.map((e) => e.data['state'])).toEqual(lived)
        expect(history.map((e) => e.seq)).toEqual(lived.map((_, i) => i + 1))
        expect(await rows.stateOf(key)).toBe(lived.at(-1))
      }),
      { numRuns: 25, seed: 20_261_122 },
    )
  })
})

describe('a wish to stop', () => {
  test('is recorded once; the first reason stays, and each answer says what it found', async () => {
    const key = await rows.session(owner)
    expect(await stop(key, 'idle')).toBe('requested')
    expect(await stop(key, 'user')).toBe('already')
    expect(await session(key)).toMatchObject({ stop_reason: 'idle', wake_version: 2, state: 'requested' })
    expect((await events(key)).filter((e) => e.type === 'session.stop_requested')).toHaveLength(1)
    await toStopping(db, key, 'idle')
    await endSession(db, key)
    expect(await stop(key, 'user')).toBe('ended')
    expect(await stop({ ...key, sessionId: newId('session') }, 'user')).toBe('absent')
  })

  test('asked again after it was seen has the workflow told once more: nobody may be left who obeys', async () => {
    const key = await rows.session(owner)
    await stop(key, 'user')
    await lookAt(db, key.sessionId, defaultTimings)
    const { version, event_seq } = await session(key)
    expect(await stop(key, 'user')).toBe('already')
    expect(await stop(key, 'user')).toBe('already')
    expect(await session(key)).toMatchObject({ version, event_seq, wake_version: 3, seen_version: 2 })
  })

  test('of many at once one is the first', async () => {
    const key = await rows.session(owner)
    const reasons: StopReason[] = ['user', 'admin', 'idle', 'expired', 'project_closed']
    const answers = await Promise.all(reasons.map(async (reason) => await stop(key, reason)))
    expect(answers.filter((a) => a === 'requested')).toHaveLength(1)
    expect((await session(key)).stop_reason).toBe(reasons[answers.indexOf('requested')])
  })
})

describe('a session asked for while its account is disabled', () => {
  const disable = async (trx: Trx, { accountId }: Owner) => await disableAccount(trx, accountId)

  test('after the disabling looked for sessions: it is to end from its first moment', async () => {
    // disable: lock account ── looks for sessions: none ─────────────────── commit
    // ask:                           lock account (waits) ·························· is disabled ── asks to stop
    const ada = await rows.account()
    const key = await holding(
      db,
      async (trx) => await disable(trx, ada),
      async () => await rows.session(ada),
    )
    expect(await session(key)).toMatchObject({ state: 'requested', stop_reason: 'account_disabled' })
    expect((await events(key)).map((e) => e.type)).toEqual(['session.state', 'session.stop_requested'])
  })

  test('before: the disabling waits for it, finds it, and asks it to stop', async () => {
    // ask:     share account ── insert ─────────────── commit
    // disable:                    lock account (waits) ········ looks for sessions: this one ── asks to stop
    const ada = await rows.account()
    const made = await db.transaction().execute(async (trx) => {
      const key = await rows.session(ada, {}, trx)
      const disabling = db.transaction().execute(async (other) => await disable(other, ada))
      await untilBlocked(db)
      return { key, disabling }
    })
    expect(await made.disabling).toBe('disabled')
    expect(await session(made.key)).toMatchObject({ stop_reason: 'account_disabled' })
  })
})

describe('the ends', () => {
  test('ready: the lifetime counts from then, and a repeat does not start it anew', async () => {
    const key = await rows.session(owner, { lifetimeSeconds: 100 })
    await rows.scene(key, { state: 'provisioning' })
    await toReady(db, key)
    const { ready_at, lifetime_ends_at } = await session(key)
    expect((lifetime_ends_at?.getTime() ?? 0) - (ready_at?.getTime() ?? 0)).toBe(100_000)
    expect((await toReady(db, key)).moved).toEqual({ kind: 'already' })
    expect((await session(key)).lifetime_ends_at).toEqual(lifetime_ends_at)
  })

  test.each([
    ['user', 'stopped'],
    ['start_timeout', 'failed'],
  ] as const)('the first reason, %s, stays and leads to its end, %s', async (reason, end) => {
    const key = await rows.session(owner)
    expect((await toStopping(db, key, reason)).moved).toEqual({ kind: 'moved' })
    expect((await toStopping(db, key, 'internal')).moved).toEqual({ kind: 'already' })
    expect(await endSession(db, key)).toEqual({ kind: 'moved' })
    expect(await endSession(db, key)).toEqual({ kind: 'already' })
    const row = await session(key)
    expect(row).toMatchObject({ state: end, reason })
    expect(row.ended_at).not.toBeNull()
    expect((await events(key)).at(-1)?.data).toEqual({ state: end, reason })
  })

  test('what an operator reads is kept, whatever bytes a container wrote, and is capped', async () => {
    const key = await rows.session(owner)
    await noteOperatorDetail(db, key, `a\0b${'x'.repeat(16_381)}\u{1f600}`)
    const { operator_detail } = await session(key)
    expect(operator_detail).toHaveLength(16_384)
    expect(operator_detail).toMatch(/^abx+\ufffd$/)
  })

  test('no session ends that is not stopping', async () => {
    const key = await rows.session(owner)
    await rows.scene(key, { state: 'ready' })
    expect(await endSession(db, key)).toEqual({ kind: 'elsewhere', state: 'ready' })
  })

  test('that cleaning takes too long is said once, and only while it does', async () => {
    const key = await rows.session(owner)
    expect(await markCleanupOverdue(db, key, 0)).toBeNull()
    await toStopping(db, key, 'user')
    expect(await markCleanupOverdue(db, key, 0)).toBeNull()
    expect(await markCleanupOverdue(db, key, 0)).toBeNull()
    expect((await events(key)).filter((e) => e.type === 'session.cleanup_overdue')).toHaveLength(1)
  })

  test('cleaning does not take too long while nobody serves', async () => {
    const key = await rows.session(owner)
    await toStopping(db, key, 'user')
    await rows.scene(key, { state_since: new Date(Date.now() - 3_600_000) })
    const outage = { role: 'core', began_at: new Date(Date.now() - 3_590_000), ended_at: new Date(Date.now() - 5_000) }
    await db.insertInto('outage').values(outage).execute()
    const dueInMs = await markCleanupOverdue(db, key, 600_000)
    expect(dueInMs).toBeGreaterThan(500_000)
    expect(dueInMs).toBeLessThan(590_000)
    expect((await events(key)).filter((e) => e.type === 'session.cleanup_overdue')).toEqual([])
    await db.deleteFrom('outage').execute()
    expect(await markCleanupOverdue(db, key, 600_000)).toBeNull()
    expect((await events(key)).filter((e) => e.type === 'session.cleanup_overdue')).toHaveLength(1)
  })
})

describe('what is still to be undone', () => {
  const steps = async (key: SessionKey) => (await pendingUndo(db, key.sessionId))?.steps

  test('before it was dispatched: the reservation alone', async () => {
    const key = await rows.session(owner)
    expect(await steps(key)).toEqual([{ step: 'releaseReservation', generation: 1 }])
  })

  test('once dispatched: the instance too, though no row says yet that it was begun', async () => {
    const key = await rows.session(owner)
    await rows.scene(key, { state: 'provisioning', dispatched_at: new Date() })
    const both = [
      { step: 'releaseReservation', generation: 1 },
      { step: 'removeInstance', providerId: 'fake', generation: 1 },
    ]
    expect(await steps(key)).toEqual(both)
    await beginInstance(db, key, fake, Buffer.from('secret'))
    expect(await steps(key)).toEqual(both)
    await tombstone(db, key, fake)
    expect(await steps(key)).toEqual(both)
  })

  test('the instances of every generation that nobody saw go', async () => {
    const key = await rows.session(owner)
    await beginInstance(db, key, fake, Buffer.from('secret'))
    await beginInstance(db, { ...key, generation: 2 }, fake, Buffer.from('secret'))
    await rows.scene(key, { generation: 2, state: 'provisioning', dispatched_at: new Date() })
    expect((await steps(key))?.filter((s) => s.step === 'removeInstance').map((s) => s.generation)).toEqual([1, 2])
    await recordRemoved(db, key)
    expect((await steps(key))?.filter((s) => s.step === 'removeInstance').map((s) => s.generation)).toEqual([2])
  })

  test('of a session that is not there nothing is known', async () => {
    expect(await pendingUndo(db, newId('session'))).toBeNull()
  })
})
