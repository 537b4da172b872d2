import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { askInMs, dispatchOrder, expectedWaitSeconds, slots } from '../../domain/dispatch.ts'
import type { AccountHistory, ProviderGate, Waiting } from '../../domain/dispatch.ts'

const account = fc.constantFrom('ada', 'bea', 'cid', 'dan', 'eve')
const waiting: fc.Arbitrary<Waiting[]> = fc.uniqueArray(
  fc.record({
    sessionId: fc.stringMatching(/^s[a-z0-9]{3}$/),
    accountId: account,
    queuedAt: fc.integer({ min: 0, max: 50 }),
  }),
  { selector: (w) => w.sessionId, maxLength: 40 },
)
const history: fc.Arbitrary<ReadonlyMap<string, AccountHistory>> = fc
  .uniqueArray(
    fc.tuple(
      account,
      fc.record({
        beginning: fc.integer({ min: 0, max: 4 }),
        lastBeganAt: fc.option(fc.integer({ min: 1, max: 99 }), { nil: null }),
      }),
    ),
    { selector: ([name]) => name },
  )
  .map((entries) => new Map(entries))

/** One account's fifty, which came first, and ten accounts' one each. */
const crowd: Waiting[] = [
  ...Array.from({ length: 50 }, (_, i) => ({ sessionId: `hog${i}`, accountId: 'hog', queuedAt: i })),
  ...Array.from({ length: 10 }, (_, i) => ({ sessionId: `one${i}`, accountId: `acc${i}`, queuedAt: 100 + i })),
]
const isOne = (w: Waiting | undefined) => w?.accountId.startsWith('acc') === true

describe('the order of dispatch', () => {
  test('everybody who waits is in it, once', () => {
    fc.assert(
      fc.property(waiting, history, (all, before) => {
        const order = dispatchOrder(all, before)
        expect([...order].sort(byId)).toEqual([...all].sort(byId))
      }),
    )
  })

  test('within one account the oldest goes first', () => {
    fc.assert(
      fc.property(waiting, history, (all, before) => {
        const order = dispatchOrder(all, before)
        for (const name of new Set(all.map((w) => w.accountId))) {
          const own = order.filter((w) => w.accountId === name).map((w) => w.queuedAt)
          expect(own).toEqual([...own].sort((a, b) => a - b))
        }
      }),
    )
  })

  test('accounts take turns: nobody gets a second place before all who wait have got as many', () => {
    fc.assert(
      fc.property(waiting, history, (all, before) => {
        const given = new Map<string, number>()
        const has = (name: string) => (before.get(name)?.beginning ?? 0) + (given.get(name) ?? 0)
        const left = dispatchOrder(all, before)
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          for (const other of left) expect(has(next.accountId)).toBeLessThanOrEqual(has(other.accountId))
          given.set(next.accountId, (given.get(next.accountId) ?? 0) + 1)
        }
      }),
    )
  })

  test('it is the same however the rows are read', () => {
    fc.assert(
      fc.property(waiting, history, (all, before) => {
        expect(dispatchOrder(all.toReversed(), before)).toEqual(dispatchOrder(all, before))
      }),
    )
  })

  test('fifty of one account and one each of ten: the ten are among the first twenty of one big batch', () => {
    expect(dispatchOrder(crowd, new Map()).slice(0, 20).filter(isOne)).toHaveLength(10)
  })

  test('fifty of one account and one each of ten, begun one at a time: the ten are among the first twenty', () => {
    const begun: Waiting[] = []
    const left = [...crowd]
    const served = new Map<string, AccountHistory>()
    while (left.length > 0) {
      const [next] = dispatchOrder(left, served)
      if (next === undefined) throw new Error('somebody waits, and nobody is next')
      left.splice(left.indexOf(next), 1)
      begun.push(next)
      // The one slot is free again when the next is chosen: only when an account was served last tells.
      served.set(next.accountId, { beginning: 0, lastBeganAt: 1_000 + begun.length })
    }
    expect(begun.slice(0, 20).filter(isOne)).toHaveLength(10)
    expect(begun).toHaveLength(60)
  })
})

const gate: fc.Arbitrary<ProviderGate> = fc.record({
  startLimit: fc.integer({ min: 1, max: 5 }),
  provisioning: fc.integer({ min: 0, max: 7 }),
  open: fc.boolean(),
  breaker: fc.constantFrom('closed' as const, 'open' as const, 'probing' as const),
  retryAt: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
  now: fc.integer({ min: 0, max: 20 }),
})

describe('slots', () => {
  test('never more begin than the limit has room for', () => {
    fc.assert(
      fc.property(gate, (g) => {
        const { count } = slots(g)
        expect(count).toBeGreaterThanOrEqual(0)
        if (count > 0) expect(g.provisioning + count).toBeLessThanOrEqual(g.startLimit)
      }),
    )
  })

  test('a provider out of service lets nobody begin; one in service and in health fills its limit', () => {
    fc.assert(
      fc.property(gate, (g) => {
        expect(slots({ ...g, open: false })).toEqual({ count: 0, probe: false })
        const free = Math.max(0, g.startLimit - g.provisioning)
        expect(slots({ ...g, open: true, breaker: 'closed' })).toEqual({ count: free, probe: false })
      }),
    )
  })

  test('behind an open breaker one begins, as the probe, and not before it is due', () => {
    fc.assert(
      fc.property(gate, (g) => {
        fc.pre(g.open && g.breaker !== 'closed')
        const { count, probe } = slots(g)
        expect(count).toBeLessThanOrEqual(1)
        expect(probe).toBe(count === 1)
        if (g.retryAt !== null && g.retryAt > g.now) expect(count).toBe(0)
        else expect(count).toBe(g.provisioning < g.startLimit ? 1 : 0)
      }),
    )
  })
})

describe('when to ask for a place', () => {
  test('is named exactly where time alone brings one, and when that time has come somebody begins', () => {
    fc.assert(
      fc.property(gate, (g) => {
        const ms = askInMs(g)
        if (ms === null) {
          expect(slots({ ...g, now: 1_000 }).count).toBe(0)
          return
        }
        expect(ms).toBeGreaterThanOrEqual(0)
        const then = slots({ ...g, now: g.now + ms })
        expect(then.count).toBeGreaterThan(0)
        expect(then.probe).toBe(g.breaker !== 'closed')
        if (ms > 0) expect(slots({ ...g, now: g.now + ms - 1 }).count).toBe(0)
      }),
    )
  })
})

describe('the expected wait', () => {
  test('grows with the place and is unknown without history', () => {
    expect(expectedWaitSeconds(0, 2, 30)).toBe(30)
    expect(expectedWaitSeconds(1, 2, 30)).toBe(30)
    expect(expectedWaitSeconds(2, 2, 30)).toBe(60)
    expect(expectedWaitSeconds(0, 2, null)).toBeNull()
    expect(expectedWaitSeconds(0, 0, 30)).toBeNull()
  })
})

function byId(a: Waiting, b: Waiting): number {
  return a.sessionId < b.sessionId ? -1 : 1
}
