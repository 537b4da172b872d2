import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonical, isTooDeep, unstorable } from '../../api/canonical.ts'
import { directUrl } from '../../api/connections/address.ts'
import { isUnavailable, problemOf } from '../../api/failures.ts'
import { openCursor, pageAsk, sealCursor } from '../../api/paging.ts'
import { Problem, problemAnswer } from '../../api/problem.ts'
import { mountFaults } from '../../api/sessions/mounts.ts'
import { preferenceOf } from '../../api/prefer.ts'
import { ofBeat, ofProvider, overall } from '../../api/status/dependencies.ts'
import type { DoorSpec } from '../../domain/template.ts'
import type { ProviderId } from '../../domain/ids.ts'

describe('Prefer', () => {
  test.each([
    [undefined, 2_000, null],
    ['', 2_000, null],
    ['wait=5', 5_000, 'wait=5'],
    ['wait="5"', 5_000, 'wait=5'],
    ['return=minimal, Wait = 7; x=y', 7_000, 'wait=7'],
    ['wait=0', 0, 'wait=0'],
    ['wait=9999', 60_000, 'wait=60'],
    ['wait=-1', 2_000, null],
    ['wait=soon', 2_000, null],
    ['respond-async', 0, 'respond-async'],
    ['respond-async, wait=10', 10_000, 'wait=10'],
  ])('%s waits %d ms', (header, waitMs, applied) => {
    expect(preferenceOf(header)).toEqual({ waitMs, applied })
  })
})

describe('canonical JSON', () => {
  test('equal values give equal text, whatever the order of members', () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([k, v]) => [k, shuffled(v)]),
      )
    }
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonical(shuffled(value))).toBe(canonical(value))
        // fast-check makes -0, which JSON does not know.
        expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('other values give other text', () => {
    const texts = [{ a: 1, b: 2 }, { a: 2, b: 1 }, { a: [1, 2] }, { a: [2, 1] }, { a: '1' }, { a: 1 }, [{ a: 1 }], null]
    expect(new Set(texts.map(canonical)).size).toBe(texts.length)
  })

  test('what nests too deeply is known without walking it to its end', () => {
    const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
    expect([isTooDeep(nested(64)), isTooDeep(nested(65)), isTooDeep(nested(100_000)), isTooDeep({ a: 'x' })]).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test.each([
    [{ a: 'x\0' }, '/a'],
    [{ a: [{ 'b/c': '\ud800' }] }, '/a/0/b~1c'],
    [{ a: { 'b\0': 1 } }, '/a'],
    ['\0', ''],
    [{ a: ['fine', 'é😀', 1, null, true] }, null],
  ])('%j cannot be kept at %s', (value, place) => {
    expect(unstorable(value)).toBe(place)
  })
})

describe('cursors', () => {
  test('what is sealed is opened by the same list only', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (place) => {
        const cursor = sealCursor('here', place)
        expect(cursor).toMatch(/^[A-Za-z0-9_-]*$/)
        expect(openCursor('here', cursor)).toEqual(place.map((part) => part.toWellFormed()))
        expect(() => openCursor('there', cursor)).toThrow(Problem)
      }),
    )
  })

  test('made-up text is a problem, never a failure', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          pageAsk('here', { limit: 5, cursor: text })
        } catch (error) {
          expect(error).toBeInstanceOf(Problem)
        }
      }),
    )
    expect(() => pageAsk('here', { limit: 5, cursor: sealCursor('here', ['not an id']) })).toThrow(Problem)
    expect(() => pageAsk('here', { limit: 5, cursor: sealCursor('here', []) })).toThrow(Problem)
    expect(pageAsk('here', { limit: 5, cursor: sealCursor('here', ['a123']) })).toEqual({ after: 'a123', limit: 5 })
  })
})

describe('mounts', () => {
  const mount = (target: string, kind: 'dataset' | 'workspace' = 'dataset', mode: 'ro' | 'rw' = 'ro') => ({
    source: { kind, id: 'x' },
    target,
    mode,
  })
  const allowed = [{ kind: 'dataset', modes: ['ro'] }] as const

  test('what the template does not name is refused, in the place that is wrong', () => {
    const faults = mountFaults([mount('/a', 'workspace'), mount('/b', 'dataset', 'rw'), mount('/c')], allowed)
    expect(faults.map((f) => f.pointer)).toEqual(['/mounts/0/source/kind', '/mounts/1/mode'])
  })

  test('no two lie in one place or inside each other', () => {
    const pointers = (...targets: string[]) =>
      mountFaults(
        targets.map((t) => mount(t)),
        allowed,
      ).map((f) => f.pointer)
    expect(pointers('/data', '/data')).toEqual(['/mounts/1/target'])
    expect(pointers('/data', '/data/raw')).toEqual(['/mounts/1/target'])
    expect(pointers('/data/raw', '/data')).toEqual(['/mounts/1/target'])
    expect(pointers('/data', '/database')).toEqual([])
  })
})

describe('a direct address', () => {
  const door = (path?: string): DoorSpec => ({
    protocol: 'http',
    port: 80,
    modes: ['control'],
    ...(path === undefined ? {} : { path }),
  })
  const at = (host: string) => [{ port: 80, host, hostPort: 32_768 }]

  test('fills the secret in as text of an address, and only where it is asked for', () => {
    expect(directUrl(door('/?t={secret}'), at('10.0.0.1'), () => '$& /?')).toBe(
      'http://10.0.0.1:32768/?t=%24%26%20%2F%3F',
    )
    expect(directUrl(door(), at('10.0.0.1'), () => expect.unreachable())).toBe('http://10.0.0.1:32768/')
  })

  test('an IPv6 host is bracketed; a port that does not answer is none', () => {
    expect(directUrl(door(), at('fd00::1'), () => '')).toBe('http://[fd00::1]:32768/')
    expect(directUrl({ ...door(), port: 81 }, at('10.0.0.1'), () => '')).toBeNull()
  })
})

describe('what a failure is to the caller', () => {
  const failure = (code: string, text = 'secret text') => Object.assign(new Error(text), { code })

  test.each(['ECONNREFUSED', '57P01', '57P03', '53300', '08006', '55P03', '57014', '40P01'])(
    '%s: unavailable',
    (code) => {
      const problem = problemOf(failure(code))
      expect(problem.code).toBe('unavailable')
      expect(problemAnswer(problem, 'request-1').headers).toMatchObject({ 'retry-after': '5' })
    },
  )

  test.each(['23505', '42P01', 'ERR_ASSERTION', ''])('%s: internal', (code) => {
    expect(problemOf(failure(code)).code).toBe('internal')
  })

  test('no text of an error reaches the caller', () => {
    for (const code of ['ECONNREFUSED', '42P01']) expect(problemOf(failure(code)).message).not.toContain('secret')
    expect(problemOf('thrown text').code).toBe('internal')
  })

  test('all addresses of a host that refuse are one unavailable database', () => {
    expect(isUnavailable(new AggregateError([failure('ECONNREFUSED'), failure('ECONNREFUSED')]))).toBe(true)
    expect(isUnavailable(new Error('timeout exceeded when trying to connect'))).toBe(true)
  })
})

describe('status', () => {
  const health = {
    providerId: 'docker' as ProviderId,
    state: 'closed',
    since: new Date(0),
    retryAt: null,
    observedAt: null,
    observeError: null,
    observeMs: 12,
  } as const

  test('a breaker and a failed list make a provider worse', () => {
    expect(ofProvider(health).state).toBe('ok')
    expect(ofProvider({ ...health, observeError: 'timeout' }).state).toBe('degraded')
    expect(ofProvider({ ...health, state: 'probing' }).state).toBe('degraded')
    expect(ofProvider({ ...health, state: 'open' }).state).toBe('down')
  })

  test('a role that was silent for longer than an outage is down since its last beat', () => {
    expect(ofBeat({ role: 'core', at: new Date(0) }, new Date(30_000))).toMatchObject({ state: 'ok', since: null })
    expect(ofBeat({ role: 'core', at: new Date(0) }, new Date(30_001))).toMatchObject({
      state: 'down',
      since: new Date(0),
    })
  })

  test('the whole is down with its database only', () => {
    const dependency = (name: string, state: 'ok' | 'degraded' | 'down') => ({
      name,
      state,
      latencyMs: null,
      since: null,
      checkedAt: null,
    })
    expect(overall([dependency('database', 'ok'), dependency('temporal', 'ok')])).toBe('ok')
    expect(overall([dependency('database', 'ok'), dependency('temporal', 'down')])).toBe('degraded')
    expect(overall([dependency('database', 'down')])).toBe('down')
  })
})
