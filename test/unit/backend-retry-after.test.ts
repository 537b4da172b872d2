import { expect, test } from 'vitest'
import { retryAfterMs } from '../../ports/compute/retry-after.ts'

const now = Date.parse('2026-11-22T12:00:00Z')

test.each([
  ['7', 7_000],
  [' 0 ', 0],
  ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
  ['86400', 600_000],
  ['Fri, 31 Dec 9999 23:59:59 GMT', 600_000],
])('%s asks for %i ms', (header, ms) => {
  expect(retryAfterMs(header, now)).toBe(ms)
})

test.each([undefined, null, '', 'soon', '-1', '1.5', '2027-01-01', 'Sun', '1e3'])('%s asks for nothing', (header) => {
  expect(retryAfterMs(header, now)).toBeNull()
})
