import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { observationKey, observe, untilNextList } from '../../domain/observation.ts'
import type { Expected, Sighting } from '../../domain/observation.ts'

const sightings = ['pending', 'running', 'paused', 'exited', 'unknown'] as const
const states = ['provisioning', 'ready', 'pausing', 'paused', 'resuming'] as const
const expected: fc.Arbitrary<Expected> = fc.record({
  sessionId: fc.constantFrom('s1', 's2', 's3', 's4'),
  generation: fc.integer({ min: 1, max: 2 }),
  sessionState: fc.constantFrom(...states),
  seen: fc.constantFrom('pending' as const, 'running' as const, 'exited' as const, 'absent' as const, null),
  madeAt: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
})
const keyOf = (e: { sessionId: string; generation: number }) => observationKey(e.sessionId, e.generation)
const all = fc.uniqueArray(expected, { selector: keyOf })
const list = fc
  .array(
    fc.tuple(fc.constantFrom('s1', 's2', 's3', 's9'), fc.integer({ min: 1, max: 2 }), fc.constantFrom(...sightings)),
  )
  .map((rows) => new Map<string, Sighting>(rows.map(([s, g, kind]) => [observationKey(s, g), kind])))

const ready: Expected = { sessionId: 's1', generation: 1, sessionState: 'ready', seen: 'running', madeAt: 5 }
const listing = (kind?: Sighting) => new Map<string, Sighting>(kind === undefined ? [] : [['s1/1', kind]])

describe('observing', () => {
  test('speaks only of what is expected, and only of news; a second look at the same list says nothing', () => {
    fc.assert(
      fc.property(all, list, fc.integer({ min: 0, max: 20 }), (known, listed, at) => {
        const news = observe(known, listed, at)
        for (const o of news) {
          const e = known.find((one) => keyOf(one) === keyOf(o))
          expect(e).toBeDefined()
          expect(o.seen).not.toBe(e?.seen)
        }
        const told = known.map((e) => ({ ...e, seen: news.find((o) => keyOf(o) === keyOf(e))?.seen ?? e.seen }))
        expect(observe(told, listed, at)).toEqual([])
      }),
    )
  })

  test('`unknown` changes nothing', () => {
    expect(observe([ready], listing('unknown'), 10)).toEqual([])
  })

  test('absent is said only of what was made before the list began', () => {
    expect(observe([ready], listing(), 10)).toEqual([
      { sessionId: 's1', generation: 1, seen: 'absent', suspicious: true },
    ])
    expect(observe([{ ...ready, madeAt: 10 }], listing(), 10)).toEqual([])
    expect(observe([{ ...ready, madeAt: null }], listing(), 10)).toEqual([])
  })

  test('another generation of the same session is another instance', () => {
    expect(observe([{ ...ready, generation: 2 }], listing('running'), 10)).toMatchObject([{ seen: 'absent' }])
  })

  test('ended or missing is suspicious in every state, a pause or a half only where it should run', () => {
    for (const sessionState of states) {
      const of = (kind?: Sighting) => observe([{ ...ready, sessionState }], listing(kind), 10)[0]
      expect(of('exited')?.suspicious).toBe(true)
      expect(of()?.suspicious).toBe(true)
      expect(of('paused')?.suspicious).toBe(sessionState === 'ready')
      expect(of('pending')?.suspicious).toBe(sessionState === 'ready')
    }
  })
})

test.each([
  [true, 80, 500],
  [true, 700, 1_400],
  [true, 30_000, 5_000],
  [false, 80, 5_000],
  [false, 30_000, 5_000],
])('while something begins (%s) and a list took %d ms, the next is made after %d ms', (isBusy, tookMs, afterMs) => {
  expect(untilNextList(isBusy, tookMs, { observeBusyMs: 500, observeIdleMs: 5_000 })).toBe(afterMs)
})

test('a list is never made sooner than a deployment says, however its times stand to one another', () => {
  expect(untilNextList(true, 9_000, { observeBusyMs: 500, observeIdleMs: 200 })).toBe(500)
})
