import { expect, test } from 'vitest'
import { nextKnockMs, worthAsking } from '../../activities/answer.ts'

const asked = { reached: false, seen: null, asked: 1, sinceMs: 100 }

test('the backend is asked at the first look, and again when nothing was heard for long', () => {
  expect(worthAsking({ ...asked, sinceMs: Number.POSITIVE_INFINITY }, null)).toBe(true)
  expect(worthAsking(asked, null)).toBe(false)
  expect(worthAsking({ ...asked, reached: true, sinceMs: 60_000 }, 'running')).toBe(true)
})

test('until the provider was listed, the backend is asked ever less often', () => {
  const waits = [500, 1_000, 2_000, 4_000, 8_000]
  for (const [n, sinceMs] of waits.entries()) {
    expect(worthAsking({ ...asked, asked: n + 1, sinceMs }, null)).toBe(true)
    expect(worthAsking({ ...asked, asked: n + 1, sinceMs: sinceMs - 1 }, null)).toBe(false)
    expect(worthAsking({ ...asked, asked: n + 1, sinceMs, seen: 'pending' }, 'pending')).toBe(false)
  }
})

test('news are looked into at once, but that it runs only until its address is known', () => {
  expect(worthAsking(asked, 'running')).toBe(true)
  expect(worthAsking(asked, 'exited')).toBe(true)
  expect(worthAsking({ ...asked, reached: true }, 'running')).toBe(false)
  expect(worthAsking({ ...asked, reached: true, seen: 'running' }, 'exited')).toBe(true)
  expect(worthAsking({ ...asked, reached: true, seen: 'exited' }, 'exited')).toBe(false)
})

test('an instance that runs without an address is asked for it once a second, not at every turn', () => {
  expect(worthAsking({ ...asked, seen: 'running', sinceMs: 900 }, 'running')).toBe(false)
  expect(worthAsking({ ...asked, seen: 'running', sinceMs: 1_000 }, 'running')).toBe(true)
})

test('a door is knocked at often at first, and never missed by much of what was waited already', () => {
  expect(nextKnockMs(0)).toBe(50)
  expect(nextKnockMs(1_000)).toBe(50)
  expect(nextKnockMs(4_000)).toBe(200)
  expect(nextKnockMs(60_000)).toBe(500)
})

test('what the list shows to wait is asked for once a minute, but where one look is for all: there every two seconds', () => {
  const waits = { ...asked, seen: 'pending', listed: true }
  expect(worthAsking({ ...waits, sinceMs: 59_999 }, 'pending')).toBe(false)
  expect(worthAsking({ ...waits, sinceMs: 60_000 }, 'pending')).toBe(true)
  const together = { ...waits, together: true }
  expect(worthAsking({ ...together, sinceMs: 1_999 }, 'pending')).toBe(false)
  expect(worthAsking({ ...together, sinceMs: 2_000 }, 'pending')).toBe(true)
  expect(worthAsking({ ...together, reached: true, sinceMs: 9_999 }, 'running')).toBe(false)
})
