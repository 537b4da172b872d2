/** A calendar day, as a form or a catalogue gives it: `2026-03-29`. */
export type Day = string

export const dayMs = 24 * 60 * 60 * 1_000
const dayPattern = /^(\d{4})-(\d{2})-(\d{2})$/
/** No change of a zone's time, and no zone, is further from UTC. */
const farthestMs = 26 * 60 * 60 * 1_000

/** Whether the text is a day that there is, from the year 100 to the year 9999. */
export function isDay(text: string): boolean {
  return dayPattern.test(text) && new Date(utcMidnight(text)).toISOString().startsWith(text)
}

/** The day so many days later. @throws RangeError beyond the days that there are: there is nothing to write for it */
export function plusDays(day: Day, days: number): Day {
  const later = dayLater(day, days)
  if (later === null) throw new RangeError(`There is no day ${days} days after ${day}.`)
  return later
}

/** The same; `null`: it lies beyond the days that there are. */
export function dayLater(day: Day, days: number): Day | null {
  const [later = ''] = new Date(utcMidnight(day) + days * dayMs).toISOString().split('T')
  return isDay(later) ? later : null
}

/**
 * When the day begins in the zone (IANA), ms since the epoch: the first instant that has this date there, or a later one. Where
 * clocks skip midnight that is the instant of the change.
 */
export function startOfDay(day: Day, timeZone: string): number {
  const dateAt = datesIn(timeZone)
  let before = utcMidnight(day) - farthestMs
  let after = utcMidnight(day) + farthestMs
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dateAt(middle) < day) before = middle
    else after = middle
  }
  return after
}

/** Whether there is such a zone. */
export function isTimeZone(timeZone: string): boolean {
  try {
    datesIn(timeZone)
    return true
  } catch {
    return false
  }
}

function utcMidnight(day: Day): number {
  const [, year, month, date] = (dayPattern.exec(day) ?? []).map(Number)
  const at = Date.UTC(year ?? Number.NaN, (month ?? Number.NaN) - 1, date)
  if (Number.isNaN(at)) throw new RangeError('This is no day.')
  return at
}

/** The date there at an instant, as text that sorts. Throws RangeError where there is no such zone. */
function datesIn(timeZone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
    return `${(parts['year'] ?? '').padStart(4, '0')}-${parts['month']}-${parts['day']}`
  }
}
