import type {
  CatalogueExperiment,
  CatalogueListing,
  CatalogueProject,
  RecordFault,
} from '../../../../domain/catalogue.ts'
import type { ExperimentDataset } from '../../../../domain/experiment.ts'
import type { CatalogueRules } from '../catalogue.ts'
import { datasetOf, dateOf, noteInto, posixOf, textOf } from '../words.ts'
import type { NoteFault, Numbers } from '../words.ts'

type Words = Readonly<Record<string, unknown>>

export interface RecordRules extends CatalogueRules {
  /** Whose list it is: a person's own, and so he belongs to all of it. */
  readonly login: string
  readonly defaultPosix: Numbers | null
}

const isWords = (value: unknown): value is Words => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads proposals, each by itself: what of one cannot be read is named, and the rest is kept. */
export function readRecords(records: readonly unknown[], rules: RecordRules): CatalogueListing {
  const faults: RecordFault[] = []
  const projects: CatalogueProject[] = []
  let unreadable = 0
  for (const [place, record] of records.entries()) {
    const id = isWords(record) ? textOf(record['proposal_id'], 200) : null
    if (!isWords(record) || id === null) {
      unreadable += 1
      noteInto(faults, `record ${place + 1}`)('proposal_id', 'Expected the name of a proposal.')
      continue
    }
    projects.push(projectOf(record, id, rules, noteInto(faults, id)))
  }
  return { projects, faults, unreadable }
}

function projectOf(record: Words, externalId: string, rules: RecordRules, fault: NoteFault): CatalogueProject {
  const { sessions } = record
  const listed = Array.isArray(sessions) ? (sessions as readonly unknown[]) : []
  // Nothing at all is no sessions; anything else but a list could have been some.
  const isList = Array.isArray(sessions) || sessions === null || sessions === undefined
  if (!isList) fault('sessions', 'Expected a list.')
  const experiments = listed.map((session) => experimentOf(session, record, externalId, rules, fault))
  const read = experiments.filter((one) => one !== null)
  return {
    externalId,
    name: textOf(record['subject']) ?? externalId,
    description: textOf(record['body'], 4_000) ?? '',
    experiments: [...new Map(read.map((one) => [one.externalId, one])).values()],
    members: [{ login: rules.login, role: null }],
    partial: !isList || read.length < listed.length,
  }
}

/** A visit of the proposal; `null`: which, or when, cannot be read, and so nobody may work with its data. */
function experimentOf(
  session: unknown,
  proposal: Words,
  project: string,
  rules: RecordRules,
  fault: NoteFault,
): CatalogueExperiment | null {
  const number = isWords(session) ? textOf(session['session_number'], 100) : null
  if (!isWords(session) || number === null) {
    fault('session_number', 'Expected the number of a session.')
    return null
  }
  const [starts, ends] = [dateOf(session['start_date']), dateOf(session['end_date'])]
  if (starts === undefined || ends === undefined) {
    fault(starts === undefined ? 'start_date' : 'end_date', `Session ${number}: expected a date.`)
    return null
  }
  return {
    externalId: `${project}/${number}`,
    name: textOf(session['subject']) ?? textOf(proposal['subject']) ?? `${project} ${number}`,
    description: textOf(session['body'], 4_000) ?? '',
    instrument: textOf(proposal['beam_line'], 100),
    starts,
    ends,
    posix: posixOf({ uid: proposal['uid'], gid: proposal['gid'] }, rules.defaultPosix, rules, fault),
    datasets: datasetsOf(session['data_set_path'], rules, fault),
    members: null,
  }
}

function datasetsOf(word: unknown, rules: RecordRules, fault: NoteFault): ExperimentDataset[] {
  if (!isWords(word) && textOf(word) === null) return []
  const paths = isWords(word) ? word : looselyParsed(String(word))
  if (paths === null) {
    fault('data_set_path', 'Expected JSON of paths.')
    return []
  }
  const datasets: ExperimentDataset[] = []
  for (const [path, place] of Object.entries(paths)) {
    const { bind = null, mode = null } = isWords(place) ? place : {}
    const dataset = datasetOf({ path, target: bind, mode }, datasets, rules, fault)
    if (dataset !== null) datasets.push(dataset)
  }
  return datasets
}

/** JSON in a string, at times with single quotes: no path that may be mounted holds any. */
function looselyParsed(text: string): Words | null {
  for (const candidate of [text, text.replaceAll("'", '"')])
    try {
      const value: unknown = JSON.parse(candidate)
      if (isWords(value)) return value
    } catch {
      // The other way of writing it, or none.
    }
  return null
}
