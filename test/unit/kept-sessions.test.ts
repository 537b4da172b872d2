import { expect, test } from 'vitest'
import { createKeptSessions } from '../../db/kept-sessions.ts'
import type { SessionRow } from '../../db/session-view.ts'
import type { SessionId } from '../../domain/ids.ts'

const at = '2026-01-01T00:00:00+00:00'
const row = (n: number, changed: Partial<Pick<SessionRow, 'version' | 'parameters'>> = {}): SessionRow =>
  // The ids are of no kind that anything here looks at.
  ({
    id: `s${n}`,
    name: 'one',
    parameters: {},
    mounts: [],
    doors: {},
    refusal: null,
    operator_detail: null,
    state: 'ready',
    state_since: at,
    requested_at: at,
    version: '7',
    ...changed,
  }) as unknown as SessionRow
const version = (n: number, server = 'a', of = '7') => ({ id: `s${n}` as SessionId, server, version: of })

test('a view is kept for its version on its server, and a newer one takes its place', () => {
  const kept = createKeptSessions()
  const view = kept.keep(row(1), 'a')
  expect(kept.of(version(1))).toBe(view)
  expect(kept.of(version(1, 'b'))).toBeUndefined()
  expect(kept.of(version(1, 'a', '7 2026'))).toBeUndefined()
  expect(kept.of(version(2))).toBeUndefined()
  const next = kept.keep(row(1, { version: '8' }), 'a')
  expect(kept.of(version(1))).toBeUndefined()
  expect(kept.of(version(1, 'a', '8'))).toBe(next)
})

test('none is kept for longer than ten minutes', () => {
  let now = 0
  const kept = createKeptSessions(() => now)
  kept.keep(row(1), 'a')
  now = 599_999
  expect(kept.of(version(1))).toBeDefined()
  now = 600_000
  expect([kept.of(version(1)), kept.last('s1' as SessionId)]).toEqual([undefined, undefined])
})

test('what is kept is bounded: the oldest goes, and what is large is not kept', () => {
  const kept = createKeptSessions()
  for (let n = 0; n < 4_001; n++) kept.keep(row(n), 'a')
  expect(kept.of(version(0))).toBeUndefined()
  expect(kept.of(version(1))).toBeDefined()
  expect(kept.of(version(4_000))).toBeDefined()
  const large = row(1, { version: '8', parameters: { text: 'x'.repeat(2_000) } })
  expect(kept.keep(large, 'a').parameters).toEqual(large.parameters)
  expect(kept.last('s1' as SessionId)).toBeUndefined()
})
