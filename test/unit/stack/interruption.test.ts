import { expect, test, vi } from 'vitest'
import { createInterruption } from '../../../stack/interruption.ts'

test('a press that arrives twice is one wish to end in order; a second press ends at once', () => {
  let now = 1_000
  const [first, again] = [vi.fn<() => void>(), vi.fn<() => void>()]
  const { asked, heard } = createInterruption(first, again, () => now)
  expect(asked.aborted).toBe(false)
  heard()
  now += 5
  heard()
  expect(asked.aborted).toBe(true)
  expect([first.mock.calls.length, again.mock.calls.length]).toEqual([1, 0])
  now += 1_000
  heard()
  expect([first.mock.calls.length, again.mock.calls.length]).toEqual([1, 1])
})
