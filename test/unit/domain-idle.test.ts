import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { idleVerdict, warnAfterMs } from '../../domain/idle.ts'

const minute = 60_000

test.each([
  [30, 25],
  [10, 8],
  [25, 20],
  [600, 595],
])('of a limit of %i min the user is warned after %i', (limit, warned) =>
  expect(warnAfterMs(limit * minute)).toBe(warned * minute),
)

describe('what is due', () => {
  const facts = fc.record({
    idleMs: fc.integer({ min: 0, max: 100 * minute }),
    limitMs: fc.integer({ min: 1_000, max: 90 * minute }),
    stopInMs: fc.option(fc.integer({ min: -minute, max: 10 * minute }), { nil: null }),
  })

  test('nobody is stopped before the limit, before the announced time, or without a warning', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { kind } = idleVerdict(given)
        const may = given.stopInMs !== null && given.stopInMs <= 0 && given.idleMs >= given.limitMs
        expect(kind === 'stop').toBe(may)
        expect(kind === 'warn').toBe(given.stopInMs === null && given.idleMs >= warnAfterMs(given.limitMs))
      }),
    )
  })

  test('a warning leaves its time, and announces no stop before the limit', () => {
    fc.assert(
      fc.property(facts, ({ idleMs, limitMs }) => {
        const verdict = idleVerdict({ idleMs, limitMs, stopInMs: null })
        if (verdict.kind !== 'warn') return
        expect(verdict.stopInMs).toBeGreaterThanOrEqual(limitMs - warnAfterMs(limitMs))
        expect(idleMs + verdict.stopInMs).toBeGreaterThanOrEqual(limitMs)
      }),
    )
  })
})
