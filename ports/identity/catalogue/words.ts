import { isUnderRoots, mountTarget } from '../../../domain/data-roots.ts'
import { dayOrMoment } from '../../../domain/experiment.ts'
import type { DayOrMoment, ExperimentDataset } from '../../../domain/experiment.ts'
import { checkPosix } from '../../../domain/posix.ts'
import type { RecordFault } from '../../../domain/catalogue.ts'
import type { CatalogueRules } from './catalogue.ts'

/** Notes what of a record cannot be read. */
export type NoteFault = (field: string, message: string) => void

export const noteInto =
  (faults: RecordFault[], record: string): NoteFault =>
  (field, message) => {
    faults.push({ record: cut(record, 100), field, message })
  }

/** One line of printable text, or none: nothing, blanks and a lone dot mean nothing. Numbers are text as well. */
export function textOf(word: unknown, max = 300): string | null {
  if (typeof word !== 'string' && typeof word !== 'number') return null
  const text = String(word)
    .replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, ' ')
    .trim()
  return text === '' || text === '.' ? null : cut(text, max)
}

/** At most so long, and no half of a character: databases refuse that. */
const cut = (text: string, max: number): string => text.slice(0, max).replace(/[\uD800-\uDBFF]$/, '')

/** `undefined`: there is something, and it is no date. */
export function dateOf(word: unknown): DayOrMoment | null | undefined {
  if (word === null || word === undefined) return null
  if (typeof word === 'object') return dayOfParts(word as Readonly<Record<string, unknown>>)
  const text = textOf(word)
  return text === null ? null : (dayOrMoment(text) ?? undefined)
}

function dayOfParts({ year, month, day }: Readonly<Record<string, unknown>>): DayOrMoment | undefined {
  const parts = [year, month, day].map(Number)
  if (!parts.every(Number.isSafeInteger)) return undefined
  const [y = 0, m = 0, d = 0] = parts
  return (
    dayOrMoment(`${String(y).padStart(4, '0')}-${String(m).padStart(2, '0')}-${String(d).padStart(2, '0')}`) ??
    undefined
  )
}

export interface Numbers {
  readonly uid: number
  readonly gid: number
}

/** As whom sessions run. What is not known, and what nobody may be, is the site's default; without that there is none. */
export function posixOf(
  words: { readonly uid: unknown; readonly gid: unknown },
  standard: Numbers | null,
  rules: CatalogueRules,
  fault: NoteFault,
): Numbers | null {
  const one = (field: 'uid' | 'gid'): number | null => {
    const text = textOf(words[field])
    if (text === null) return standard?.[field] ?? null
    const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    const whole = { user: 'experiment', uid: 2_000_000, gid: 2_000_000, gids: [], [field]: number }
    const wrong = checkPosix(whole, rules.posix).find((other) => other.field === field)
    if (wrong === undefined) return number
    fault(field, wrong.message)
    return standard?.[field] ?? null
  }
  const [uid, gid] = [one('uid'), one('gid')]
  if (uid === null || gid === null) return null
  // The default, too, is held to what people may be.
  const [wrong] = checkPosix({ user: 'experiment', uid, gid, gids: [] }, rules.posix)
  if (wrong === undefined) return { uid, gid }
  fault(wrong.field, wrong.message)
  return null
}

/** A dataset, where it lies below the site's roots and is mounted at a plain place. */
export function datasetOf(
  asked: { readonly path: unknown; readonly target: unknown; readonly mode: unknown },
  taken: readonly ExperimentDataset[],
  { roots }: CatalogueRules,
  fault: NoteFault,
): ExperimentDataset | null {
  const path = (textOf(asked.path, 1_000) ?? '').replace(/\/$/, '')
  const target = (textOf(asked.target, 200) ?? '').replace(/\/$/, '')
  const { mode } = asked
  if (!isUnderRoots(path, roots)) fault('data_set_path', 'A path lies below none of the data roots.')
  else if (!mountTarget.test(target)) fault('data_set_path', 'A path is to be mounted at no plain place.')
  else if (mode !== 'ro' && mode !== 'rw') fault('data_set_path', 'A mode is neither ro nor rw.')
  else if (taken.some((other) => overlap(other.target, target)))
    fault('data_set_path', 'Two paths would lie in one place.')
  else if (taken.length >= 20) fault('data_set_path', 'There are more than 20 paths.')
  else return { name: nameOf(target, taken), path, target, mode }
  return null
}

const overlap = (one: string, other: string): boolean =>
  one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`)

function nameOf(target: string, taken: readonly ExperimentDataset[]): string {
  const last = target.split('/').at(-1) ?? ''
  const plain =
    last
      .toLowerCase()
      .replaceAll(/[^a-z0-9_-]/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, 28) || 'data'
  const isFree = (name: string) => taken.every((other) => other.name !== name)
  for (let count = 1; ; count++) {
    const name = count === 1 ? plain : `${plain}-${count}`
    if (isFree(name)) return name
  }
}
