import { expect, test } from 'vitest'
import { isUnderRoots, locateData } from '../../domain/data-roots.ts'
import { accessWindow, dayOrMoment, isOpenAt, mayStartIn } from '../../domain/experiment.ts'
import { isDay, isTimeZone, plusDays, startOfDay } from '../../domain/site-days.ts'

const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString())

test.each([
  ['2026-03-29', 'Europe/Paris', '2026-03-28T23:00:00.000Z', 'clocks go forward later that day'],
  ['2026-03-30', 'Europe/Paris', '2026-03-29T22:00:00.000Z', 'after they did'],
  ['2026-10-25', 'Europe/Paris', '2026-10-24T22:00:00.000Z', 'clocks go back later that day'],
  ['2026-10-26', 'Europe/Paris', '2026-10-25T23:00:00.000Z', 'after they did'],
  ['2026-01-01', 'Asia/Kolkata', '2025-12-31T18:30:00.000Z', 'a zone of half hours'],
  ['2018-11-04', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z', 'midnight itself is skipped'],
  ['2011-12-30', 'Pacific/Apia', '2011-12-30T10:00:00.000Z', 'a day that was left out begins as the next one does'],
  ['2011-12-31', 'Pacific/Apia', '2011-12-30T10:00:00.000Z', 'the next one'],
  ['2026-06-01', 'UTC', '2026-06-01T00:00:00.000Z', 'no zone at all'],
])('%s in %s begins at %s: %s', (day, zone, start) => {
  expect(iso(startOfDay(day, zone))).toBe(start)
})

test('days are counted by the calendar, and there are no others', () => {
  expect(plusDays('2026-02-28', 1)).toBe('2026-03-01')
  expect(plusDays('2028-02-28', 1)).toBe('2028-02-29')
  expect(plusDays('2026-01-01', -1)).toBe('2025-12-31')
  expect(['2026-02-29', '2026-13-01', '2026-1-1', '', 'today'].filter(isDay)).toEqual([])
  expect(['Europe/Paris', 'UTC', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false])
})

test('a date is kept as a day or as a moment in UTC', () => {
  expect(dayOrMoment('2026-03-29')).toBe('2026-03-29')
  expect(dayOrMoment('2026-03-29T10:00:00+02:00')).toBe('2026-03-29T08:00:00.000Z')
  expect(dayOrMoment('2026-03-29T10:00Z')).toBe('2026-03-29T10:00:00.000Z')
  for (const none of ['2026-02-30', '2026-02-30T10:00:00Z', '2026-03-29T25:00:00Z', '2026-03-29 10:00', '.'])
    expect([none, dayOrMoment(none)]).toEqual([none, null])
})

test('the window is whole days of the site around days, and hours around moments; the last day is in it to its end', () => {
  const rule = { timeZone: 'Europe/Paris', daysBefore: 1, daysAfter: 2 }
  // Beyond the night in which clocks go forward.
  const days = accessWindow({ starts: '2026-03-28', ends: '2026-03-28' }, rule)
  expect([iso(days.opensAt), iso(days.closesAt)]).toEqual(['2026-03-26T23:00:00.000Z', '2026-03-30T22:00:00.000Z'])
  expect(isOpenAt(days, Date.parse('2026-03-26T22:59:59.999Z'))).toBe(false)
  expect(isOpenAt(days, Date.parse('2026-03-26T23:00:00Z'))).toBe(true)
  expect(isOpenAt(days, Date.parse('2026-03-30T21:59:59.999Z'))).toBe(true)
  expect(isOpenAt(days, Date.parse('2026-03-30T22:00:00Z'))).toBe(false)
  const moments = accessWindow({ starts: '2026-03-28T08:00:00.000Z', ends: '2026-03-29T08:00:00.000Z' }, rule)
  expect([iso(moments.opensAt), iso(moments.closesAt)]).toEqual([
    '2026-03-27T08:00:00.000Z',
    '2026-03-31T08:00:00.000Z',
  ])
  expect(accessWindow({ starts: null, ends: null }, rule)).toEqual({ opensAt: null, closesAt: null })
})

test.each([
  ['9999-12-31', 40],
  ['9999-12-31', 0],
  ['9999-12-31T23:59:59.000Z', 40],
  ['9999-11-22', 40],
])('an end on %s, and %i days after it, is no end', (ends, daysAfter) => {
  for (const timeZone of ['UTC', 'Europe/Paris', 'Pacific/Kiritimati', 'America/Adak']) {
    const window = accessWindow({ starts: '2026-03-28', ends }, { timeZone, daysBefore: 0, daysAfter })
    expect([timeZone, window.closesAt]).toEqual([timeZone, null])
    expect(isOpenAt(window, Date.parse('2026-04-01T00:00:00Z'))).toBe(true)
  }
})

test('the last days before that are ends, and a beginning before the years that dates have is none', () => {
  const rule = { timeZone: 'UTC', daysBefore: 40, daysAfter: 0 }
  expect(iso(accessWindow({ starts: null, ends: '9999-12-30' }, rule).closesAt)).toBe('9999-12-31T00:00:00.000Z')
  const last = '9999-12-31T23:59:59.000Z'
  expect(iso(accessWindow({ starts: null, ends: last }, rule).closesAt)).toBe(last)
  const longBefore = { ...rule, daysBefore: 36_500 }
  for (const starts of ['0100-01-01', '0100-01-01T00:00:00.000Z']) {
    const early = accessWindow({ starts, ends: null }, longBefore)
    expect([starts, early.opensAt]).toEqual([starts, null])
    expect(isOpenAt(early, 0)).toBe(true)
  }
  // A day of the first years is none at all.
  expect(['0001-01-01', '0001-01-01T00:00:00Z'].map(dayOrMoment)).toEqual([null, null])
})

test('no day is made up', () => {
  expect(() => plusDays('9999-12-31', 1)).toThrow(RangeError)
  expect(() => plusDays('0100-01-01', -1)).toThrow(RangeError)
  expect(() => plusDays('tomorrow', 1)).toThrow(RangeError)
  expect(() => startOfDay('+010000-02', 'UTC')).toThrow(RangeError)
})

test('who may not know of an experiment is told nothing else of it, and who may is told the first thing in the way', () => {
  const open = { opensAt: null, closesAt: null }
  const may = { role: 'editor' as const, window: open, held: 0, most: 1, now: 10 }
  expect(mayStartIn(may)).toBe('granted')
  expect(mayStartIn({ ...may, role: null, held: 1, window: { opensAt: 11, closesAt: null } })).toBe('hidden')
  expect(mayStartIn({ ...may, role: 'viewer' })).toBe('viewer')
  expect(mayStartIn({ ...may, window: { opensAt: null, closesAt: 10 } })).toBe('closed')
  expect(mayStartIn({ ...may, held: 1 })).toBe('held')
  expect(mayStartIn({ ...may, held: 1, most: 2 })).toBe('granted')
})

test('data is found below the nearest root, and nothing leads out of it', () => {
  const roots = [
    { path: '/data', source: { hostPath: '/mnt/data' } },
    { path: '/data/claims', source: { volume: { kind: 'claim', claim: 'visits', subPath: 'all' } as const } },
    { path: '/nfs', source: { volume: { kind: 'nfs', server: 'filer', path: '/export' } as const } },
    { path: '/csi', source: { volume: { kind: 'csi', driver: 'd.example.org' } as const } },
  ]
  expect(locateData('/data/a/b', roots)).toEqual({ hostPath: '/mnt/data/a/b' })
  expect(locateData('/data/claims/v1', roots)).toEqual({
    volume: { kind: 'claim', claim: 'visits', subPath: 'all/v1' },
  })
  expect(locateData('/nfs/v1', roots)).toEqual({ volume: { kind: 'nfs', server: 'filer', path: '/export/v1' } })
  for (const path of ['/data', '/data/', '/datas/a', '/data/../etc', '/data/./a', '/data//a', 'data/a', '/', '/csi/a'])
    expect([path, locateData(path, roots)]).toEqual([path, null])
  expect(isUnderRoots('/data/a', ['/data'])).toBe(true)
  expect(isUnderRoots('/data/a\n', ['/data'])).toBe(false)
})
