import type { AccountId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'
import { patternOf } from './experiment-list.ts'
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
}

export interface ProjectsPage {
  readonly items: readonly ListedProject[]
  readonly next: readonly [string, string] | null
}

const isFavourite = `exists (select from favourite f
  where f.account_id = $1 and f.kind = 'project' and f.subject_id = p.id)`

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
    select p.*, ${key} as key, ${isFavourite} as favourite
    from ${from} where ${conditions.join(' and ')}
    order by ${byName ? `${key} ${by}, ` : ''}p.id ${by} limit ${place(limit + 1)}`
  return { text, parameters }
}

/** A page of projects. */
export async function listProjects(executor: Executor, ask: ProjectsAsk): Promise<ProjectsPage> {
  const { text, parameters } = projectsStatement(ask)
  const rows = await statement<ProjectRow & { key: string; favourite: boolean }>(text)(executor, parameters)
  const shown = rows.slice(0, ask.limit)
  const last = shown.at(-1)
  return {
    items: shown.map((row) => ({ ...projectView(row), isFavourite: row.favourite })),
    next: rows.length > ask.limit && last !== undefined ? [last.key, last.id] : null,
  }
}
