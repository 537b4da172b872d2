import type { AccountId, ExperimentId, ProjectId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'
import { experimentColumns, experimentOf } from './experiments.ts'
import type { Experiment, ExperimentRow } from './experiments.ts'
import { statement } from './statement.ts'

export const experimentOrders = ['starts', '-starts', 'name', '-name'] as const
export type ExperimentOrder = (typeof experimentOrders)[number]

export interface ExperimentFilter {
  /** Each of these is somewhere in its name, reference, instrument or description. */
  readonly words: readonly string[]
  readonly instrument: string | null
  readonly projectId: ProjectId | null
  readonly favourite: boolean
  /** It lasts beyond this day, and begins before that: both included, as days of the text. */
  readonly from: string | null
  readonly to: string | null
}

/** A page's place: the key that it is ordered by, and the id. */
export interface OrderedPage {
  readonly after: readonly [string, string] | null
  readonly limit: number
}

export interface ExperimentsAsk extends OrderedPage {
  /** Whose favourites, and how stale. */
  readonly accountId: AccountId
  /** Only those that are for the account; else all. */
  readonly own: boolean
  readonly order: ExperimentOrder
  readonly filter: ExperimentFilter
}

export interface ListedExperiment extends Experiment {
  readonly projectName: string
  readonly isFavourite: boolean
  /** Since when its catalogue could not be asked; `null`: it is as that says. */
  readonly staleSince: Date | null
}

export interface ExperimentsPage {
  readonly items: readonly ListedExperiment[]
  readonly next: readonly [string, string] | null
}

type Row = ExperimentRow & {
  readonly key: string
  readonly project_name: string
  readonly favourite: boolean
  readonly stale_since: Date | null
}

/** As a pattern that is found anywhere. */
export const patternOf = (word: string): string => `%${word.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`

/**
 * The statement of a page. First the keys alone, of those whom they are for: the account's own projects lead to them, so that a
 * page costs what the account has, wherever in the list it lies; then the rows of the page.
 */
export function experimentsStatement(ask: ExperimentsAsk): { readonly text: string; readonly parameters: unknown[] } {
  const { filter, after, limit } = ask
  const parameters: unknown[] = [ask.accountId]
  const place = (value: unknown) => `$${parameters.push(value)}`
  const descends = ask.order.startsWith('-')
  const key = ask.order.endsWith('name') ? 'e.order_name' : 'e.order_starts'
  const conditions = ['e.withdrawn_at is null']
  for (const word of filter.words) conditions.push(`e.search like ${place(patternOf(word))}`)
  if (filter.instrument !== null) conditions.push(`e.instrument = ${place(filter.instrument)}`)
  if (filter.projectId !== null) conditions.push(`e.project_id = ${place(filter.projectId)}`)
  if (filter.from !== null) conditions.push(`(e.ends is null or e.ends >= ${place(filter.from)})`)
  // A moment of that day sorts behind the day itself.
  if (filter.to !== null) conditions.push(`(e.starts is null or e.starts < ${place(`${filter.to}U`)})`)
  if (filter.favourite) conditions.push(isFavourite)
  if (after !== null)
    conditions.push(`(${key}, e.id) ${descends ? '<' : '>'} (${place(after[0])} collate "C", ${place(after[1])})`)
  const from = ask.own ? theirOwn : 'experiment e'
  const by = descends ? 'desc' : 'asc'
  const text = `
    with page as materialized (
      select e.id, ${key} as key from ${from} where ${conditions.join(' and ')}
      order by ${key} ${by}, e.id ${by} limit ${place(limit + 1)})
    select ${listedColumns}, page.key
    from page join experiment e on e.id = page.id join project p on p.id = e.project_id
    order by page.key ${by}, e.id ${by}`
  return { text, parameters }
}

/**
 * Since when the catalogue that a row comes from has not been read: that failed, of everybody or of the account `$1`, or everybody's
 * should have been by then.
 */
export const staleSince = (row: 'e' | 'p'): string => `(
  select min(least(t.stale_since, case when t.fresh_until < now() then t.fresh_until end)) from catalogue_standing t
  where t.source = ${row}.source and t.account_id in ('', $1))`

const isFavourite = `exists (select from favourite f
  where f.account_id = $1 and f.kind = 'experiment' and f.subject_id = e.id)`

/** What an account `$1` is shown of an experiment `e` in its project `p`. */
const listedColumns = `${experimentColumns.join(', ')}, p.name as project_name, ${isFavourite} as favourite,
  ${staleSince('e')} as stale_since`

const listed = (row: Omit<Row, 'key'>): ListedExperiment => ({
  ...experimentOf(row),
  projectName: row.project_name,
  isFavourite: row.favourite,
  staleSince: row.stale_since,
})

// The offset keeps what is searched for, and its order, out of the choice of how to come there: else a rare word would have
// everybody's gone through.
const theirOwn = `(select e.* from project_member m join experiment e on e.project_id = m.project_id
  where m.account_id = $1 and (e.audience = 'project' or exists (
    select from experiment_member x where x.experiment_id = e.id and x.account_id = $1)) offset 0) e`

/** A page of experiments that are not withdrawn. */
export async function listExperiments(executor: Executor, ask: ExperimentsAsk): Promise<ExperimentsPage> {
  const { text, parameters } = experimentsStatement(ask)
  const rows = await statement<Row>(text)(executor, parameters)
  const shown = rows.slice(0, ask.limit)
  const last = shown.at(-1)
  return {
    items: shown.map(listed),
    next: rows.length > ask.limit && last !== undefined ? [last.key, last.id] : null,
  }
}

/** One as a list shows it, also where it is withdrawn; `null`: there is none. */
export async function showExperiment(
  executor: Executor,
  id: ExperimentId,
  accountId: AccountId,
): Promise<ListedExperiment | null> {
  const read = statement<Omit<Row, 'key'>>(
    `select ${listedColumns} from experiment e join project p on p.id = e.project_id where e.id = $2`,
  )
  const [row] = await read(executor, [accountId, id])
  return row === undefined ? null : listed(row)
}
