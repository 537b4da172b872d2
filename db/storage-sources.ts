import type { ProjectId, ProviderId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'
import type { MountRequest } from './schema.ts'

/** Which of the mounts (by place in the list) the provider has no source for that this project may use in this mode. */
export async function missingSources(
  executor: Executor,
  place: { readonly providerId: ProviderId; readonly projectId: ProjectId },
  mounts: readonly MountRequest[],
): Promise<number[]> {
  if (mounts.length === 0) return []
  const sources = await executor
    .selectFrom('storage_source')
    .select(['kind', 'id', 'modes'])
    .where('provider_id', '=', place.providerId)
    .where((eb) => eb.or([eb('project_id', 'is', null), eb('project_id', '=', place.projectId)]))
    .execute()
  const has = ({ source, mode }: MountRequest) =>
    sources.some((s) => s.kind === source.kind && s.id === source.id && s.modes.includes(mode))
  return mounts.flatMap((mount, index) => (has(mount) ? [] : [index]))
}
