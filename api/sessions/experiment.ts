import type { Db } from '../../db/connect.ts'
import { readDataRoots } from '../../db/data-roots.ts'
import { grantOn, readExperimentGrounds } from '../../db/experiment-grants.ts'
import type { ExperimentGrounds } from '../../db/experiment-grants.ts'
import type { NewSession } from '../../db/intents.ts'
import { locateData } from '../../domain/data-roots.ts'
import { datasetSourceId } from '../../domain/experiment.ts'
import type { AccessRule, AccessWindow, ExperimentDataset, ExperimentVerdict } from '../../domain/experiment.ts'
import type { AccountId, ProjectId, ProviderId } from '../../domain/ids.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import { invalid, Problem } from '../problem.ts'
import type { Fault } from '../problem.ts'
import type { Ask } from './plan.ts'

/** What an experiment brings into a session. */
export interface PlannedExperiment {
  /** Its project; `null`: no experiment was asked for. */
  readonly projectId: ProjectId | null
  readonly session: NonNullable<NewSession['experiment']> | null
  readonly mounts: Ask['mounts']
  /** Whoever asked did not name these mounts: what is wrong with them is the experiment's. */
  readonly blame: (fault: Fault) => Fault
  /** What of its data that provider does not reach. */
  readonly outOfReach: (providerId: ProviderId) => readonly Fault[]
}

const without: PlannedExperiment = {
  projectId: null,
  session: null,
  mounts: [],
  blame: (fault) => fault,
  outOfReach: () => [],
}

/** Looks whether the account may have a session in the experiment now, and what that brings. Throws the first thing in its way. */
export async function planExperiment(
  db: Db,
  { sessionsPerExperiment: most = 1 }: TemplateSpec,
  { experimentId, projectId, mounts }: Ask,
  { accountId, access }: { readonly accountId: AccountId; readonly access: AccessRule },
): Promise<PlannedExperiment> {
  if (experimentId === undefined) return without
  const grounds = await readExperimentGrounds(db, { experimentId, accountId })
  if (grounds === null) throw refusalIn('hidden')
  const { verdict, window } = grantOn(grounds, { most, rule: access })
  if (verdict !== 'granted') throw refusalIn(verdict, window)
  if (projectId !== undefined && projectId !== grounds.projectId)
    throw invalid('/projectId', 'The experiment is in another project. Leave it out.')
  if (grounds.isProjectClosed) throw new Problem('conflict', 'The project is closed.')
  const outOfReach = await reachOf(db, grounds)
  return {
    projectId: grounds.projectId,
    session: { id: experimentId, most, rule: access },
    mounts: grounds.datasets.map((dataset) => mountOf(grounds, dataset)),
    blame: (fault) =>
      Number(/^\/mounts\/(\d+)/.exec(fault.pointer)?.[1] ?? -1) < mounts.length ? fault : { ...fault, pointer: here },
    outOfReach,
  }
}

const here = '/experimentId'

const mountOf = ({ id }: ExperimentGrounds, { name, target, mode }: ExperimentDataset): Ask['mounts'][number] => ({
  source: { kind: 'experiment', id: datasetSourceId(id, name) },
  target,
  mode,
})

/** What of the experiment's data a provider does not reach. */
async function reachOf(db: Db, { datasets }: ExperimentGrounds): Promise<PlannedExperiment['outOfReach']> {
  const rootsAt = await readDataRoots(db)
  return (providerId) =>
    datasets
      .filter(({ path }) => locateData(path, rootsAt(providerId)) === null)
      .map(({ name }) => ({ in: 'body', pointer: here, message: `Its data ${name} cannot be reached from there.` }))
}

/** Why the account may have no session in the experiment. What it may not know of is not there. */
export function refusalIn(verdict: Exclude<ExperimentVerdict, 'granted'>, window?: AccessWindow): Problem {
  switch (verdict) {
    case 'hidden':
      return invalid(here, 'There is no such experiment.', 'not_found')
    case 'viewer':
      return new Problem('forbidden', 'Your role in its project does not allow this.')
    case 'closed':
      return new Problem('experiment_closed', closedText(window))
    case 'held':
      return new Problem('experiment_in_use', 'You have a session in this experiment. Stop it first, or use that.')
    default:
      return verdict satisfies never
  }
}

function closedText(window: AccessWindow | undefined): string {
  const text = (at: number | null | undefined) =>
    at === null || at === undefined ? 'ever' : new Date(at).toISOString()
  return `Its data can be worked with from ${text(window?.opensAt)} to ${text(window?.closesAt)}.`
}
