import { z } from 'zod'
import type {
  CatalogueExperiment,
  CatalogueListing,
  CatalogueMember,
  CatalogueProject,
  RecordFault,
} from '../../../../domain/catalogue.ts'
import type { ExperimentDataset } from '../../../../domain/experiment.ts'
import type { CatalogueRules } from '../catalogue.ts'
import { datasetOf, dateOf, noteInto, posixOf, textOf } from '../words.ts'
import type { NoteFault, Numbers } from '../words.ts'

/** Where data of an investigation lies: `{name}`, `{visitId}` and `{id}` stand for what it says of itself. */
export interface DatasetPattern {
  readonly path: string
  readonly target: string
  readonly mode: 'ro' | 'rw'
}

export interface InvestigationRules extends CatalogueRules {
  readonly ownerRoles: readonly string[]
  readonly datasets: readonly DatasetPattern[]
  readonly defaultPosix: Numbers | null
}

/** An investigation with those whom it is for, as ICAT answered. */
export interface Investigation {
  readonly record: unknown
  readonly users: readonly unknown[]
}

const Record = z.object({ id: z.union([z.number(), z.string()]), name: z.unknown() })

/** The id by which its users are asked for; `null`: it has none. */
export function investigationId(record: unknown): string | null {
  const read = Record.safeParse(record)
  return read.success ? textOf(read.data.id, 100) : null
}

/** Investigations of one name are a project. Its data is for those alone who are named for each. */
export function readInvestigations(all: readonly Investigation[], rules: InvestigationRules): CatalogueListing {
  const faults: RecordFault[] = []
  const projects = new Map<string, CatalogueProject>()
  let unreadable = 0
  for (const [place, { record, users }] of all.entries()) {
    const id = investigationId(record)
    // What is not there, or of another type, says nothing.
    const words = record as Readonly<Record<string, unknown>>
    const name = id === null ? null : textOf(words['name'], 200)
    const fault = noteInto(faults, id ?? `record ${place + 1}`)
    if (id === null || name === null) {
      unreadable += 1
      fault('name', 'Expected an investigation with its id and name.')
      continue
    }
    const members = users.flatMap((user) => memberOf(user, rules, fault))
    const experiment = experimentOf(words, { id, name, members }, rules, fault)
    const before = projects.get(name) ?? {
      externalId: name,
      name,
      description: '',
      experiments: [],
      members: [],
      partial: false,
    }
    projects.set(name, {
      ...before,
      name: before.name === name ? (textOf(words['title']) ?? name) : before.name,
      experiments: experiment === null ? before.experiments : [...before.experiments, experiment],
      members: [...before.members, ...members],
      partial: before.partial || experiment === null || members.length < users.length,
    })
  }
  return { projects: [...projects.values()], faults, unreadable }
}

function experimentOf(
  words: Readonly<Record<string, unknown>>,
  { id, name, members }: { readonly id: string; readonly name: string; readonly members: readonly CatalogueMember[] },
  rules: InvestigationRules,
  fault: NoteFault,
): CatalogueExperiment | null {
  const [starts, ends] = [dateOf(words['startDate']), dateOf(words['endDate'])]
  if (starts === undefined || ends === undefined) {
    fault(starts === undefined ? 'startDate' : 'endDate', 'Expected a date.')
    return null
  }
  const instrument = textOf(words['visitId'], 100)
  return {
    externalId: id,
    name: textOf(words['title']) ?? `${name} ${instrument ?? id}`,
    description: textOf(words['summary'], 4_000) ?? '',
    instrument,
    starts,
    ends,
    posix: posixOf({ uid: null, gid: null }, rules.defaultPosix, rules, fault),
    datasets: datasetsOf({ id, name, visitId: instrument ?? '' }, rules, fault),
    members,
  }
}

function datasetsOf(
  said: Readonly<Record<'id' | 'name' | 'visitId', string>>,
  rules: InvestigationRules,
  fault: NoteFault,
): ExperimentDataset[] {
  const datasets: ExperimentDataset[] = []
  for (const { path: pattern, target, mode } of rules.datasets) {
    const path = pattern.replaceAll(/\{(id|name|visitId)\}/g, (_, field: keyof typeof said) =>
      // A name is one step of a path, whatever it holds.
      said[field].replaceAll('/', '_').replace(/^\.+$/, '_'),
    )
    const dataset = datasetOf({ path, target, mode }, datasets, rules, fault)
    if (dataset !== null) datasets.push(dataset)
  }
  return datasets
}

function memberOf(user: unknown, { ownerRoles }: InvestigationRules, fault: NoteFault): CatalogueMember[] {
  const words = typeof user === 'object' && user !== null ? (user as Readonly<Record<string, unknown>>) : {}
  const login = textOf(words['name'], 200)
  if (login === null) {
    fault('investigationusers', 'Expected the name of a user.')
    return []
  }
  const role = textOf(words['role'])
  return [{ login, role: role !== null && ownerRoles.includes(role) ? 'owner' : 'editor' }]
}
