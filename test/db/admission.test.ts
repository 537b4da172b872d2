import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admitSession, booksOf, heldBy } from '../../db/admission.ts'
import type { Admitted } from '../../db/admission.ts'
import type { Db, Trx } from '../../db/connect.ts'
import { endSession, toStopping } from '../../db/endings.ts'
import { readSessionEvents } from '../../db/events.ts'
import { requestStop } from '../../db/intents.ts'
import { releaseReservation } from '../../db/reservations.ts'
import { payerKinds } from '../../domain/admission.ts'
import type { Payer } from '../../domain/admission.ts'
import { nothing } from '../../domain/resources.ts'
import type { SessionKey } from '../../domain/session.ts'
import { inTurns } from '../proof/in-turns.ts'
import { holding } from '../setup/blocked.ts'
import { createRows, one } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'
import { sample } from '../setup/sampler.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  rows = await createRows({ startLimit: 1_000 })
  db = rows.db
})
afterAll(async () => await rows.close())

const payersOf = (owner: Owner): Record<Payer['kind'], Payer> => ({
  account: { kind: 'account', id: owner.accountId },
  project: { kind: 'project', id: owner.projectId },
  provider: { kind: 'provider', id: 'fake' },
})
const count = (decisions: readonly Admitted[], kind: Admitted['kind']) =>
  decisions.filter((d) => d.kind === kind).length
const times = <T>(n: number, make: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: n }, (_, i) => make(i)))
const stop = async (key: SessionKey) =>
  await db.transaction().execute(async (trx) => await requestStop(trx, key.sessionId, 'user'))

describe('two hundred at once', () => {
  test('of 200 by an account never seen before, five are admitted, and never more than five are held', async () => {
    // quota row of the account, limit 5:
    //   1st: lock ── held 0 ── insert ── commit
    //   2nd:  lock (waits) ············· held 1 ── insert ── commit
    //   6th:   lock (waits) ········································ held 5 ── refused ── commit
    //   two processes, as many transactions at once as their pools have connections; the sampler holds no lock.
    await sql`update quota_default set sessions = 5 where payer_kind = 'account'`.execute(db)
    const owner = await rows.account()
    const keys = await inTurns(Array.from({ length: 200 }), 8, async () => await rows.session(owner))
    const processes = [rows.another(12), rows.another(12)] as const
    const watch = rows.another(1)
    const sampler = sample(async () => (await heldBy(watch, payersOf(owner).account)).sessions)

    const decisions = await times(200, async (i) => await untilDecided(processes[i % 2] as Db, keyAt(keys, i)))
    const seen = await sampler.end()

    expect(count(decisions, 'admitted')).toBe(5)
    expect(count(decisions, 'rejected')).toBe(195)
    expect(seen.length).toBeGreaterThan(5)
    expect(Math.max(...seen)).toBe(5)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(await heldBy(db, payersOf(owner).account)).toEqual({ ...one, sessions: 5, cpuMilli: 500, memoryMib: 320 })

    await Promise.all(keys.map(async (key) => await releaseReservation(db, key)))
    for (const payer of Object.values(payersOf(owner))) expect(await heldBy(db, payer)).toEqual(nothing)
    await sql`update quota_default set sessions = null where payer_kind = 'account'`.execute(db)
  })

  test('the refused ones say by whose limit, and how far it was used', async () => {
    const owner = await rows.account()
    await rows.limit(payersOf(owner).account, { sessions: 1, cpuMilli: 10_000 })
    const [first, second] = await times(2, async () => await rows.session(owner))
    if (first === undefined || second === undefined) throw new Error('two sessions were made')
    await admitSession(db, first)
    expect(await admitSession(db, second)).toEqual({ kind: 'rejected' })
    const row = await db
      .selectFrom('session')
      .select(['state', 'reason', 'refusal', 'ended_at'])
      .where('id', '=', second.sessionId)
      .executeTakeFirstOrThrow()
    expect(row).toMatchObject({
      state: 'rejected',
      reason: 'quota',
      refusal: {
        code: 'quota_exceeded',
        violations: [{ payer: payersOf(owner).account, resource: 'sessions', limit: 1, used: 1, requested: 1 }],
      },
    })
    expect(row.ended_at).not.toBeNull()
    const events = await readSessionEvents(db, second.sessionId, 0, 10)
    expect(events.at(-1)?.data).toEqual({ state: 'rejected', reason: 'quota', code: 'quota_exceeded' })
  })
})

describe('payers', () => {
  test.each(payerKinds)('the limit of the %s alone refuses, and nothing is held of anybody', async (kind) => {
    const owner = await rows.account()
    const provider = await rows.provider(`only${kind}`)
    const key = await rows.session(owner, { providerId: provider })
    const payers = { ...payersOf(owner), provider: { kind: 'provider', id: provider } as const }
    await rows.limit(payers[kind], { memoryMib: one.memoryMib - 1 })
    expect(await admitSession(db, key)).toEqual({ kind: 'rejected' })
    for (const payer of Object.values(payers)) expect(await heldBy(db, payer)).toEqual(nothing)
    const row = await db.selectFrom('session').select('refusal').where('id', '=', key.sessionId).executeTakeFirst()
    expect(row?.refusal).toMatchObject({
      code: 'exceeds_limit',
      violations: [{ payer: { kind }, resource: 'memoryMib' }],
    })
  })

  test('a project is shared: two accounts at once get what is left of it, and no more', async () => {
    const [ada, bea] = [await rows.account(), await rows.account()]
    const projectId = await rows.project(ada.accountId)
    await rows.limit({ kind: 'project', id: projectId }, { sessions: 7 })
    const keys = await times(20, async (i) => await rows.session({ ...(i % 2 === 0 ? ada : bea), projectId }))
    const decisions = await Promise.all(keys.map(async (key) => await admitSession(db, key)))
    expect(count(decisions, 'admitted')).toBe(7)
    expect((await heldBy(db, { kind: 'project', id: projectId })).sessions).toBe(7)
  })

  test('a provider is shared by everybody: its limit holds across accounts and projects', async () => {
    const provider = await rows.provider('narrow')
    await rows.limit({ kind: 'provider', id: provider }, { memoryMib: 3 * one.memoryMib })
    const keys = await times(12, async () => await rows.session(await rows.account(), { providerId: provider }))
    const decisions = await Promise.all(keys.map(async (key) => await admitSession(db, key)))
    expect(count(decisions, 'admitted')).toBe(3)
    expect(count(decisions, 'rejected')).toBe(9)
  })

  test.each(payerKinds)('without the quota row of the %s nobody is admitted, and nothing is decided', async (kind) => {
    const owner = await rows.account()
    const provider = await rows.provider(`bare${kind}`)
    const key = await rows.session(owner, { providerId: provider })
    const id = { ...payersOf(owner), provider: { id: provider } }[kind].id
    await db.deleteFrom('quota').where('payer_kind', '=', kind).where('payer_id', '=', id).execute()
    expect(await admitSession(db, key)).toEqual({ kind: 'broken' })
    expect(await rows.stateOf(key)).toBe('requested')
    expect(await heldBy(db, payersOf(owner).account)).toEqual(nothing)
  })

  test('a site default counts where nothing is set, and what is set wins over it', async () => {
    await sql`update quota_default set gpus = 0 where payer_kind = 'project'`.execute(db)
    const owner = await rows.account()
    const ask = { resources: { ...one, gpus: 1 } }
    expect(await admitSession(db, await rows.session(owner, ask))).toEqual({ kind: 'rejected' })
    await rows.limit(payersOf(owner).project, { gpus: 2 })
    expect(await admitSession(db, await rows.session(owner, ask))).toEqual({ kind: 'admitted' })
    await sql`update quota_default set gpus = null where payer_kind = 'project'`.execute(db)
  })
})

describe('repeats, and what comes too late', () => {
  test('a repeat of an admission says the same and holds once, also many at once', async () => {
    const owner = await rows.account()
    const key = await rows.session(owner)
    const decisions = await times(20, async () => await admitSession(db, key))
    expect(count(decisions, 'admitted')).toBe(20)
    expect((await heldBy(db, payersOf(owner).account)).sessions).toBe(1)
    expect(await readSessionEvents(db, key.sessionId, 0, 10)).toHaveLength(2)
  })

  test('a repeat of a refusal is refused, even where room has come since', async () => {
    const owner = await rows.account()
    await rows.limit(payersOf(owner).account, { sessions: 0 })
    const key = await rows.session(owner)
    expect(await admitSession(db, key)).toEqual({ kind: 'rejected' })
    await rows.limit(payersOf(owner).account, { sessions: 9 })
    expect(await admitSession(db, key)).toEqual({ kind: 'rejected' })
    expect(await rows.stateOf(key)).toBe('rejected')
  })

  test('released before it was admitted: the tombstone stays, and a late admission holds nothing', async () => {
    const owner = await rows.account()
    const key = await rows.session(owner)
    await releaseReservation(db, key)
    expect(await admitSession(db, key)).toEqual({ kind: 'withdrawn' })
    expect(await heldBy(db, payersOf(owner).account)).toEqual(nothing)
    expect(await rows.stateOf(key)).toBe('requested')
    expect(await usageOf(key)).toEqual([])
  })

  test('released after it was admitted: nothing is held, usage is written once, and no repeat holds again', async () => {
    const owner = await rows.account()
    const key = await rows.session(owner)
    await admitSession(db, key)
    await releaseReservation(db, key)
    const released = await releasedAt(key)
    await times(5, async () => await releaseReservation(db, key))
    expect(await releasedAt(key)).toEqual(released)
    expect(await usageOf(key)).toMatchObject([{ account_id: owner.accountId, sessions: 1, memory_mib: one.memoryMib }])
    expect(await admitSession(db, key)).toEqual({ kind: 'withdrawn' })
    expect(await heldBy(db, payersOf(owner).account)).toEqual(nothing)
  })

  test('a session ends with its books closed, also where its run does not know that it was admitted', async () => {
    // run:  look ── admit (commits) ──✗ the task is lost with its worker, and what it had noted
    //       look: queued, to end ── stopping ── nothing noted, nothing to undo ── end
    const owner = await rows.account()
    const key = await rows.session(owner)
    await admitSession(db, key)
    await stop(key)
    await toStopping(db, key, 'user')
    const ends = await times(5, async () => await endSession(db, key))
    expect(ends.filter(({ kind }) => kind === 'moved')).toHaveLength(1)
    expect(await heldBy(db, payersOf(owner).account)).toEqual(nothing)
    expect(await usageOf(key)).toMatchObject([{ sessions: 1, reason: 'user' }])
  })

  test('a session that has not begun to end holds on', async () => {
    const owner = await rows.account()
    const key = await rows.session(owner)
    await admitSession(db, key)
    expect(await endSession(db, key)).toMatchObject({ kind: 'elsewhere' })
    expect((await heldBy(db, payersOf(owner).account)).sessions).toBe(1)
  })

  test('released while it is being admitted: whoever comes first, nothing is held at the end', async () => {
    // admit:   lock ── read: no row ── insert ── commit            or      insert (waits) ── finds the tombstone
    // release:                    insert (waits) ── releases it            insert ── commit
    const owner = await rows.account()
    const keys = await times(40, async () => await rows.session(owner))
    const outcomes = await Promise.all(
      keys.map(async (key) => {
        const [decision] = await Promise.all([admitSession(db, key), releaseReservation(db, key)])
        return decision
      }),
    )
    expect(count(outcomes, 'admitted') + count(outcomes, 'withdrawn')).toBe(40)
    expect(await heldBy(db, payersOf(owner).account)).toEqual(nothing)
  })

  test('released in the moment before the admission writes: it is withdrawn, and does not stumble', async () => {
    // release: insert the tombstone ─────────────────── commit
    // admit:                  read: no row ── insert (waits) ── finds the tombstone ── withdrawn
    const owner = await rows.account()
    const key = await rows.session(owner)
    const decision = await holding(
      db,
      async (trx) => await releaseReservation(trx, key),
      async () => await admitSession(db, key),
    )
    expect(decision).toEqual({ kind: 'withdrawn' })
    expect(await rows.stateOf(key)).toBe('requested')
  })

  test('a stop asked while it waits for the session: its row is read again, and nothing is held', async () => {
    const owner = await rows.account()
    const key = await rows.session(owner)
    const ask = async (trx: Trx) => await requestStop(trx, key.sessionId, 'user')
    expect(await holding(db, ask, async () => await admitSession(db, key))).toEqual({ kind: 'withdrawn' })
    expect(await heldBy(db, payersOf(owner).account)).toEqual(nothing)
  })

  test('a stop asked before: nothing is held', async () => {
    const owner = await rows.account()
    const key = await rows.session(owner)
    await stop(key)
    expect(await admitSession(db, key)).toEqual({ kind: 'withdrawn' })
    expect(await heldBy(db, payersOf(owner).account)).toEqual(nothing)
    expect(await rows.stateOf(key)).toBe('requested')
  })

  test('a session being admitted again is left out of what its payers hold', async () => {
    const owner = await rows.account()
    const [first, second] = await times(2, async () => await rows.session(owner))
    if (first === undefined || second === undefined) throw new Error('two sessions were made')
    await admitSession(db, first)
    await admitSession(db, second)
    const [books] = await booksOf(db, [payersOf(owner).account], { sessionId: first.sessionId })
    expect(books?.held.sessions).toBe(1)
  })
})

/** As the activity does: a try that waited too long for a connection or a lock is made again. */
async function untilDecided(pool: Db, key: SessionKey): Promise<Admitted> {
  for (;;) {
    try {
      return await admitSession(pool, key)
    } catch (error) {
      if (!/timeout exceeded when trying to connect|lock timeout/.test(String(error))) throw error
    }
  }
}

async function releasedAt(key: SessionKey): Promise<Date | null> {
  const found = db.selectFrom('reservation').select('released_at').where('session_id', '=', key.sessionId)
  return (await found.executeTakeFirstOrThrow()).released_at
}

async function usageOf(key: SessionKey) {
  return await db.selectFrom('session_usage').selectAll().where('session_id', '=', key.sessionId).execute()
}

function keyAt(keys: readonly SessionKey[], index: number): SessionKey {
  const key = keys[index]
  if (key === undefined) throw new Error(`There is no session ${index}.`)
  return key
}
