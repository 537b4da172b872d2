import type { AccountId, ProjectId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'
import { patternOf, staleSince } from './experiment-list.ts'
import type { ExperimentFilter, OrderedPage } from './experiment-list.ts'
import { projectView } from './projects.ts'
import type { Project, ProjectRow } from './projects.ts'
import { statement } from './statement.ts'

export const projectOrders = ['created', '-created', 'name', '-name'] as const
export type ProjectOrder = (typeof projectOrders)[number]

export interface ProjectsAsk extends OrderedPage {
  /** Whose favourites. */
  readonly accountId: AccountId
  /** Only those that the account belongs to; else all. */
  readonly own: boolean
  readonly order: ProjectOrder
  /** Instrument and days are those of an experiment in it. */
  readonly filter: Omit<ExperimentFilter, 'projectId'>
}

export interface ListedProject extends Project {
  readonly isFavourite: boolean
  /** Since when its catalogue could not be asked; `null`: it is as that says. */
  readonly staleSince: Date | null
}

export interface ProjectsPage {
  readonly items: readonly ListedProject[]
  readonly next: readonly [string, string] | null
}

const isFavourite = `exists (select from favourite f
  where f.account_id = $1 and f.kind = 'project' and f.subject_id = p.id)`

const shown = `${isFavourite} as favourite, ${staleSince('p')} as stale_since`

type Shown = ProjectRow & { readonly favourite: boolean; readonly stale_since: Date | null }
const listedView = (row: Shown): ListedProject => ({
  ...projectView(row),
  isFavourite: row.favourite,
  staleSince: row.stale_since,
})

/** One of them as a list shows it to the account; `null`: there is none. */
export async function showProject(
  executor: Executor,
  id: ProjectId,
  accountId: AccountId,
): Promise<ListedProject | null> {
  const read = statement<Shown>(`select p.*, ${shown} from project p where p.id = $2`)
  const [row] = await read(executor, [accountId, id])
  return row === undefined ? null : listedView(row)
}

/** The statement of a page. Ids are ordered by when they were made. */
export function projectsStatement(ask: ProjectsAsk): { readonly text: string; readonly parameters: unknown[] } {
  const { filter, after, limit } = ask
  const parameters: unknown[] = [ask.accountId]
  const place = (value: unknown) => `$${parameters.push(value)}`
  const descends = ask.order.startsWith('-')
  const byName = ask.order.endsWith('name')
  const key = byName ? 'lower(p.name) collate "C"' : 'p.id'
  const conditions = ['true']
  for (const word of filter.words) conditions.push(`p.search like ${place(patternOf(word))}`)
  if (filter.favourite) conditions.push(isFavourite)
  const ofExperiment: string[] = []
  if (filter.instrument !== null) ofExperiment.push(`e.instrument = ${place(filter.instrument)}`)
  if (filter.from !== null) ofExperiment.push(`(e.ends is null or e.ends >= ${place(filter.from)})`)
  if (filter.to !== null) ofExperiment.push(`(e.starts is null or e.starts < ${place(`${filter.to}U`)})`)
  // What an experiment tells is for those whom it is for, by way of its project, too.
  if (ofExperiment.length > 0 && ask.own)
    ofExperiment.push(`(e.audience = 'project' or exists (
      select from experiment_member x where x.experiment_id = e.id and x.account_id = $1))`)
  if (ofExperiment.length > 0)
    conditions.push(`exists (select from experiment e
      where e.project_id = p.id and e.withdrawn_at is null and ${ofExperiment.join(' and ')})`)
  if (after !== null)
    conditions.push(
      byName
        ? `(${key}, p.id) ${descends ? '<' : '>'} (${place(after[0])} collate "C", ${place(after[1])})`
        : `p.id ${descends ? '<' : '>'} ${place(after[1])}`,
    )
  const from = ask.own ? 'project_member m join project p on p.id = m.project_id and m.account_id = $1' : 'project p'
  const by = descends ? 'desc' : 'asc'
  const text = `
    select p.*, ${key} as key, ${shown}
    from ${from} where ${conditions.join(' and ')}
    order by ${byName ? `${key} ${by}, ` : ''}p.id ${by} limit ${place(limit + 1)}`
  return { text, parameters }
}

/** A page of projects. */
export async function listProjects(executor: Executor, ask: ProjectsAsk): Promise<ProjectsPage> {
  const { text, parameters } = projectsStatement(ask)
  const rows = await statement<Shown & { readonly key: string }>(text)(executor, parameters)
  const page = rows.slice(0, ask.limit)
  const last = page.at(-1)
  return {
    items: page.map(listedView),
    next: rows.length > ask.limit && last !== undefined ? [last.key, last.id] : null,
  }
}
