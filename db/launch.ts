import { datasetSourceId } from '../domain/experiment.ts'
import type { DayOrMoment, OfExperiment } from '../domain/experiment.ts'
import type { ProjectRole } from '../domain/authorization.ts'
import { locateData } from '../domain/data-roots.ts'
import type { AccountId, ExperimentId, ProjectId, ProviderId } from '../domain/ids.ts'
import type { Resources } from '../domain/resources.ts'
import type { ParameterValue, TemplateSpec } from '../domain/template.ts'
import type { SessionKey } from '../domain/session.ts'
import type { MountSource, Volume } from '../domain/volumes.ts'
import type { Executor } from './connect.ts'
import { readDataRoots } from './data-roots.ts'
import { resourcesOf } from './resource-columns.ts'
import type { MountRequest, Posix } from './schema.ts'

/** Everything that an instance of a session is made from, as the server knows it. */
export interface Launch {
  readonly providerId: ProviderId
  readonly projectId: ProjectId
  readonly deploymentId: string
  readonly template: TemplateSpec
  readonly parameters: Record<string, ParameterValue>
  /** Sealed; `null` where there are none. */
  readonly secretParameters: Buffer | null
  readonly size: string
  readonly resources: Resources
  readonly lifetimeSeconds: number
  readonly posix: Posix | null
  /** What it stands on in its experiment at this moment; `null`: it belongs to none. */
  readonly experiment?: LaunchExperiment | null
  /** Resolved by the server from storage sources; a mount without a source for this provider is in `missing`. */
  readonly mounts: readonly (MountSource & { readonly target: string; readonly mode: 'ro' | 'rw' })[]
  readonly missing: readonly string[]
}

export interface LaunchExperiment {
  /** What its owner is in the experiment's project now; `null`: its data is not for him. */
  readonly role: ProjectRole | null
  readonly starts: DayOrMoment | null
  readonly ends: DayOrMoment | null
  readonly posix: { readonly uid: number; readonly gid: number } | null
  /** What of its data is among the mounts. */
  readonly datasets: OfExperiment['datasets']
}

/** Reads what to make for the session. Throws where there is no such session. */
export async function readLaunch(executor: Executor, key: SessionKey): Promise<Launch> {
  const row = await executor
    .selectFrom('session as s')
    .innerJoin('template_version as t', (join) =>
      join.onRef('t.template_id', '=', 's.template_id').onRef('t.version', '=', 's.template_version'),
    )
    .innerJoin('account as a', 'a.id', 's.owner_id')
    .selectAll('s')
    .select(['t.spec', 'a.posix'])
    .select((eb) => eb.selectFrom('installation').select('deployment_id').as('deployment_id'))
    .where('s.id', '=', key.sessionId)
    .executeTakeFirstOrThrow()
  const sources = row.mounts.length === 0 ? [] : await sourcesOf(executor, row)
  const experiment = row.experiment_id === null ? null : await experimentOf(executor, row.experiment_id, row.owner_id)
  const data = experiment === null ? () => undefined : await dataOf(executor, experiment, row.provider_id)
  const mounts = row.mounts.map((mount): FoundMount => {
    const own = data(mount)
    if (own !== undefined) return { mount, found: own.found }
    const source = sources.find(
      (s) => s.kind === mount.source.kind && s.id === mount.source.id && s.modes.includes(mount.mode),
    )
    return { mount, found: source === undefined ? null : { source: placeOf(source), mode: mount.mode } }
  })
  return {
    providerId: row.provider_id,
    projectId: row.project_id,
    deploymentId: row.deployment_id ?? '',
    template: row.spec,
    parameters: row.parameters,
    secretParameters: row.secret_parameters,
    size: row.size,
    resources: resourcesOf(row),
    lifetimeSeconds: row.lifetime_seconds,
    posix: row.posix,
    experiment:
      experiment === null
        ? null
        : launchedIn(
            experiment,
            row.mounts.flatMap((mount) => data(mount)?.dataset ?? []),
          ),
    mounts: mounts.flatMap(({ mount, found }) =>
      found === null ? [] : [{ ...found.source, target: mount.target, mode: found.mode }],
    ),
    missing: mounts.flatMap(({ mount, found }) => (found === null ? [`${mount.source.kind}/${mount.source.id}`] : [])),
  }
}

interface FoundMount {
  readonly mount: MountRequest
  readonly found: { readonly source: MountSource; readonly mode: 'ro' | 'rw' } | null
}

const experimentOf = async (executor: Executor, id: ExperimentId, ownerId: AccountId) =>
  await executor
    .selectFrom('experiment as e')
    .leftJoin('experiment_access as x', (join) =>
      join.onRef('x.experiment_id', '=', 'e.id').on('x.account_id', '=', ownerId),
    )
    .select(['e.id', 'e.starts', 'e.ends', 'e.uid', 'e.gid', 'e.datasets', 'x.role'])
    .where('e.id', '=', id)
    .executeTakeFirstOrThrow()
type ExperimentRow = Awaited<ReturnType<typeof experimentOf>>

const launchedIn = (
  { role, starts, ends, uid, gid }: ExperimentRow,
  datasets: OfExperiment['datasets'],
): LaunchExperiment => ({
  role,
  starts,
  ends,
  posix: uid === null || gid === null ? null : { uid, gid },
  datasets,
})

/** What its experiment says now of a mount that names data of it: never more than that allows. */
async function dataOf(executor: Executor, { id, datasets }: ExperimentRow, providerId: ProviderId) {
  const roots = (await readDataRoots(executor))(providerId)
  return ({ source: { kind, id: name }, mode: asked }: MountRequest) => {
    const dataset = datasets.find((one) => kind === 'experiment' && name === datasetSourceId(id, one.name))
    if (dataset === undefined) return undefined
    const source = locateData(dataset.path, roots)
    const mode = dataset.mode === 'rw' ? asked : 'ro'
    return {
      dataset: { path: dataset.path, ...(mode === 'rw' ? { mode } : {}) },
      found: source === null ? null : { source, mode },
    }
  }
}

/** A row holds one of the two; a path wins over nothing. */
const placeOf = (source: { readonly host_path: string | null; readonly volume: Volume | null }): MountSource =>
  source.volume === null ? { hostPath: source.host_path ?? '' } : { volume: source.volume }

const sourcesOf = async (
  executor: Executor,
  at: { readonly provider_id: ProviderId; readonly project_id: ProjectId },
) =>
  await executor
    .selectFrom('storage_source')
    .selectAll()
    .where('provider_id', '=', at.provider_id)
    .where((eb) => eb.or([eb('project_id', 'is', null), eb('project_id', '=', at.project_id)]))
    .execute()
