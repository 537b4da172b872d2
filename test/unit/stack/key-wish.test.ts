import { expect, test } from 'vitest'
import { readWish, WishUnclear } from '../../../stack/key-wish.ts'

test('the words of the command', () => {
  const now = new Date('2026-11-22T05:00:00Z')
  expect(readWish(['--help'], now)).toBeNull()
  expect(readWish(['status'], now)).toMatchObject({ command: 'status', before: now })
  expect(readWish(['rotate', '--dry-run', '--batch', '7'], now)).toMatchObject({ dryRun: true, batch: 7 })
  expect(readWish(['status', '--before', '2026-11-22T05:00:00+02:00'], now)?.before.getUTCHours()).toBe(3)
  const wrong = [
    [],
    ['rotate', 'all'],
    ['burn'],
    ['rotate', '--batch', '0'],
    ['rotate', '--fast'],
    ['status', '--dry-run'],
  ]
  const times = ['2026-11-22', '2026-11-22T04:00:00', 'soon', '2027-01-01T00:00:00Z']
  for (const each of [...wrong, ...times.map((time) => ['status', '--before', time])])
    expect(() => readWish(each, now)).toThrow(WishUnclear)
})
