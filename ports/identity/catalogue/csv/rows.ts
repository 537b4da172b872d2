import type {
  CatalogueExperiment,
  CatalogueListing,
  CatalogueMember,
  CatalogueProject,
  RecordFault,
} from '../../../../domain/catalogue.ts'
import { projectRoles } from '../../../../domain/authorization.ts'
import type { ProjectRole } from '../../../../domain/authorization.ts'
import type { ExperimentDataset } from '../../../../domain/experiment.ts'
import type { CatalogueRules } from '../catalogue.ts'
import { datasetOf, dateOf, noteInto, posixOf, textOf } from '../words.ts'
import type { NoteFault } from '../words.ts'

/** The columns that a file may have; `project` it must. */
export const columns = [
  'login',
  'role',
  'project',
  'title',
  'experiment',
  'name',
  'instrument',
  'starts',
  'ends',
  'uid',
  'gid',
  'data',
  'results',
] as const
type Row = Readonly<Partial<Record<(typeof columns)[number], string>>>

interface Gathered {
  readonly project: CatalogueProject
  readonly experiments: Map<string, CatalogueExperiment>
  readonly members: CatalogueMember[]
}

/** A line says that somebody belongs to a project, that there is an experiment in it, or both. */
export function readRows(
  rows: readonly (readonly string[])[],
  header: readonly string[],
  rules: CatalogueRules,
): CatalogueListing {
  const faults: RecordFault[] = []
  const projects = new Map<string, Gathered>()
  let unreadable = 0
  for (const [place, cells] of rows.entries()) {
    const fault = noteInto(faults, `line ${place + 2}`)
    const row: Row = Object.fromEntries(header.map((name, at) => [name, cells[at] ?? '']))
    const id = textOf(row.project, 200)
    if (id === null || cells.length !== header.length) {
      unreadable += 1
      fault('project', `Expected a project, and ${header.length} columns.`)
      continue
    }
    const gathered = projects.get(id) ?? begun(id)
    projects.set(id, addLine(gathered, row, rules, fault))
  }
  return {
    projects: [...projects.values()].map(({ project, experiments, members }) => ({
      ...project,
      experiments: [...experiments.values()],
      members,
    })),
    faults,
    unreadable,
  }
}

const begun = (externalId: string): Gathered => ({
  project: { externalId, name: externalId, description: '', experiments: [], members: [], partial: false },
  experiments: new Map(),
  members: [],
})

function addLine(
  { project, experiments, members }: Gathered,
  row: Row,
  rules: CatalogueRules,
  fault: NoteFault,
): Gathered {
  let { partial } = project
  const login = textOf(row.login, 200)
  const role = roleOf(row.role)
  if (role === undefined) fault('role', `Expected one of: ${projectRoles.join(', ')}.`)
  if (login !== null) members.push({ login, role: role ?? null })
  const number = textOf(row.experiment, 200)
  if (number !== null) {
    const experiment = experimentOf(row, `${project.externalId}/${number}`, number, rules, fault)
    if (experiment === null) partial = true
    else if (!experiments.has(experiment.externalId)) experiments.set(experiment.externalId, experiment)
  }
  return { project: { ...project, name: textOf(row.title) ?? project.name, partial }, experiments, members }
}

function roleOf(word: string | undefined): ProjectRole | null | undefined {
  const text = textOf(word)
  return text === null ? null : projectRoles.find((role) => role === text)
}

function experimentOf(
  row: Row,
  externalId: string,
  number: string,
  rules: CatalogueRules,
  fault: NoteFault,
): CatalogueExperiment | null {
  const [starts, ends] = [dateOf(row.starts), dateOf(row.ends)]
  if (starts === undefined || ends === undefined) {
    fault(starts === undefined ? 'starts' : 'ends', 'Expected a date.')
    return null
  }
  const datasets: ExperimentDataset[] = []
  for (const [column, mode] of [
    ['data', 'ro'],
    ['results', 'rw'],
  ] as const) {
    const path = textOf(row[column], 1_000)
    const dataset =
      path === null ? null : datasetOf({ path, target: `/experiment/${column}`, mode }, datasets, rules, fault)
    if (dataset !== null) datasets.push(dataset)
  }
  return {
    externalId,
    name: textOf(row.name) ?? number,
    description: '',
    instrument: textOf(row.instrument, 100),
    starts,
    ends,
    posix: posixOf({ uid: row.uid, gid: row.gid }, null, rules, fault),
    datasets,
    members: null,
  }
}
