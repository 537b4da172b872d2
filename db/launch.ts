import type { ProjectId, ProviderId } from '../domain/ids.ts'
import type { Resources } from '../domain/resources.ts'
import type { ParameterValue, TemplateSpec } from '../domain/template.ts'
import type { SessionKey } from '../domain/session.ts'
import type { MountSource, Volume } from '../domain/volumes.ts'
import type { Executor } from './connect.ts'
import { resourcesOf } from './resource-columns.ts'
import type { Posix } from './schema.ts'

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
  /** Resolved by the server from storage sources; a mount without a source for this provider is in `missing`. */
  readonly mounts: readonly (MountSource & { readonly target: string; readonly mode: 'ro' | 'rw' })[]
  readonly missing: readonly string[]
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
  const mounts = row.mounts.map((mount) => ({
    mount,
    source: sources.find(
      (s) => s.kind === mount.source.kind && s.id === mount.source.id && s.modes.includes(mount.mode),
    ),
  }))
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
    mounts: mounts.flatMap(({ mount, source }) =>
      source === undefined ? [] : [{ ...placeOf(source), target: mount.target, mode: mount.mode }],
    ),
    missing: mounts.flatMap(({ mount, source }) =>
      source === undefined ? [`${mount.source.kind}/${mount.source.id}`] : [],
    ),
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
