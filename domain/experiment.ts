import { mayWork } from './authorization.ts'
import type { ProjectRole } from './authorization.ts'
import { dayLater, dayMs, isDay, startOfDay } from './site-days.ts'

/** When an experiment begins or ends: a day (`2026-03-29`), whole in the site's zone, or a moment (RFC 3339, UTC). Sorts as text. */
export type DayOrMoment = string

/** What a site says of the time around experiments. */
export interface AccessRule {
  /** IANA. Days are whole days there. */
  readonly timeZone: string
  readonly daysBefore: number
  readonly daysAfter: number
}

export const defaultAccessRule: AccessRule = { timeZone: 'UTC', daysBefore: 2, daysAfter: 40 }

/** When data may be worked with, ms since the epoch, the end not included; `null`: without a bound. */
export interface AccessWindow {
  readonly opensAt: number | null
  readonly closesAt: number | null
}

/** The text as experiments keep it; `null`: it is neither a day nor a moment that there is. */
export function dayOrMoment(text: string): DayOrMoment | null {
  if (isDay(text)) return text
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/.test(text)) return null
  const [day = ''] = text.split('T')
  const at = Date.parse(text)
  if (!isDay(day) || Number.isNaN(at)) return null
  const utc = new Date(at).toISOString()
  return /^\d{4}-/.test(utc) ? utc : null
}

/**
 * The site's access window around an experiment. A day that is its last is in it to its end; without a date there is no bound, nor
 * where the bound lies beyond the years that dates have: `9999-12-31` is how catalogues say that something has no end.
 */
export function accessWindow(
  { starts, ends }: { readonly starts: DayOrMoment | null; readonly ends: DayOrMoment | null },
  { timeZone, daysBefore, daysAfter }: AccessRule,
): AccessWindow {
  const bound = (date: DayOrMoment | null, days: number, wholeDays: number): number | null => {
    if (date === null) return null
    if (!isDay(date)) return datedOrNone(Date.parse(date) + days * dayMs)
    const day = dayLater(date, days + wholeDays)
    return day === null ? null : datedOrNone(startOfDay(day, timeZone))
  }
  return { opensAt: bound(starts, -daysBefore, 0), closesAt: bound(ends, daysAfter, 1) }
}

const [firstMs, lastMs] = [Date.parse('0001-01-01T00:00:00.000Z'), Date.parse('9999-12-31T23:59:59.999Z')]
const datedOrNone = (at: number): number | null => (at >= firstMs && at <= lastMs ? at : null)

/** Whether the window is open at this moment. */
export const isOpenAt = ({ opensAt, closesAt }: AccessWindow, now: number): boolean =>
  (opensAt === null || opensAt <= now) && (closesAt === null || now < closesAt)

/** What of an experiment lies where: a path of the site's, which no user of Carrel's chose. */
export interface ExperimentDataset {
  /** Plain, unique in its experiment. */
  readonly name: string
  /** Absolute, below one of the site's data roots. */
  readonly path: string
  /** Where a session sees it. */
  readonly target: string
  /** Data is `ro`; results are `rw`. */
  readonly mode: 'ro' | 'rw'
}

/**
 * What of its experiment an instance was made with. While the experiment says all of that still, its data may be worked with there;
 * what is added to it changes nothing.
 */
export interface OfExperiment {
  /** Where it lies at the site; `rw`: it is written to. */
  readonly datasets: readonly { readonly path: string; readonly mode?: 'rw' }[]
  readonly uid: number | null
  readonly gid: number | null
}

/** The id by which a session's mount names a dataset of an experiment. */
export const datasetSourceId = (experimentId: string, name: string): string => `${experimentId}.${name}`

/** What is done with a running session that has data which its owner may not use any more; its doors are shut either way. */
export const withdrawalPolicies = ['stop', 'keepDoorsShut'] as const
export type WithdrawalPolicy = (typeof withdrawalPolicies)[number]

/** What decides whether an account may start a session in an experiment now. */
export interface ExperimentFacts {
  /** What the account is in the experiment's project now, if the experiment's data is for it at all. */
  readonly role: ProjectRole | null
  readonly window: AccessWindow
  /** Sessions of the account in this experiment that have not ended. */
  readonly held: number
  /** How many the template allows. */
  readonly most: number
  readonly now: number
}

export type ExperimentVerdict = 'granted' | 'hidden' | 'viewer' | 'closed' | 'held'

/** Whether it may, and else the first thing in its way. */
export function mayStartIn({ role, window, held, most, now }: ExperimentFacts): ExperimentVerdict {
  if (role === null) return 'hidden'
  if (!mayWork(role)) return 'viewer'
  if (!isOpenAt(window, now)) return 'closed'
  return held >= most ? 'held' : 'granted'
}
