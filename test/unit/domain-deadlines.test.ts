import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dueInMs, expiry, servedMs } from '../../domain/deadlines.ts'
import type { DeadlineFacts, Outage } from '../../domain/deadlines.ts'
import { lifecycle, sessionStates } from '../../domain/lifecycle.ts'
import type { SessionState } from '../../domain/lifecycle.ts'
import { defaultTimings } from '../../domain/timings.ts'

const moment = fc.integer({ min: 0, max: 60 })
const outages: fc.Arbitrary<Outage[]> = fc.array(
  fc.tuple(moment, moment).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) })),
  { maxLength: 8 },
)
const span = fc.tuple(moment, moment).map(([a, b]) => ({ since: Math.min(a, b), now: Math.max(a, b) }))

const facts = (state: SessionState, over: Partial<DeadlineFacts> = {}): DeadlineFacts => ({
  state,
  requestedAt: 0,
  queuedAt: null,
  dispatchedAt: null,
  stateSince: 0,
  expiresAt: null,
  queueLimitMs: 1_000,
  startLimitMs: 500,
  ...over,
})

describe('served time', () => {
  test('is what no outage covers, however outages overlap, counted tick by tick', () => {
    fc.assert(
      fc.property(span, outages, ({ since, now }, lost) => {
        let ticks = 0
        for (let t = since; t < now; t++) if (!lost.some((o) => o.from <= t && t < o.to)) ticks++
        expect(servedMs(since, now, lost)).toBe(ticks)
      }),
    )
  })

  test('is never negative, never longer than the time itself, and shrinks with each outage', () => {
    fc.assert(
      fc.property(span, outages, fc.record({ from: moment, to: moment }), ({ since, now }, lost, one) => {
        const served = servedMs(since, now, lost)
        expect(served).toBeGreaterThanOrEqual(0)
        expect(served).toBeLessThanOrEqual(now - since)
        expect(servedMs(since, now, [...lost, one])).toBeLessThanOrEqual(served)
      }),
    )
  })
})

describe('deadlines', () => {
  test('an outage moves each of them but the absolute one', () => {
    const lost = [{ from: 100, to: 300 }]
    for (const state of sessionStates) {
      const limit = 'limit' in lifecycle[state] ? lifecycle[state].limit : null
      const f = facts(state, { expiresAt: 5_000 })
      const [calm, late] = [dueInMs(f, [], defaultTimings, 400), dueInMs(f, lost, defaultTimings, 400)]
      if (limit === null) expect([calm, late]).toEqual([null, null])
      else expect((late ?? 0) - (calm ?? 0)).toBe(limit === 'lifetime' ? 0 : 200)
    }
  })

  test('each state is bounded from where its limit counts', () => {
    const at = 10_000
    const due = (f: DeadlineFacts) => dueInMs(f, [], defaultTimings, at)
    expect(due(facts('requested', { requestedAt: 9_000 }))).toBe(defaultTimings.decisionLimitMs - 1_000)
    // From the first time it was queued, not from the last: `stateSince` moves, `queuedAt` stays.
    expect(due(facts('queued', { queuedAt: 9_500, stateSince: 9_900 }))).toBe(500)
    expect(due(facts('provisioning', { queuedAt: 1, dispatchedAt: 9_900, stateSince: 1 }))).toBe(400)
    expect(due(facts('pausing', { stateSince: 9_000 }))).toBe(defaultTimings.pauseLimitMs - 1_000)
    expect(due(facts('resuming', { stateSince: 9_000 }))).toBe(defaultTimings.pauseLimitMs - 1_000)
    expect(due(facts('stopping', { stateSince: 9_000 }))).toBe(defaultTimings.cleanupOverdueMs - 1_000)
    expect(due(facts('ready', { expiresAt: 9_000 }))).toBe(-1_000)
    expect(due(facts('ready'))).toBeNull()
    expect(due(facts('stopped', { expiresAt: 9_000 }))).toBeNull()
  })

  test('the earlier of the wish and the lifetime is the end', () => {
    const time = fc.option(fc.integer(), { nil: null })
    fc.assert(
      fc.property(time, time, (wish, lifetime) => {
        const known = [wish, lifetime].filter((t) => t !== null)
        expect(expiry(wish, lifetime)).toBe(known.length === 0 ? null : Math.min(...known))
      }),
    )
  })
})
