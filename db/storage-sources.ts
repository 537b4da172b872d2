import type { ProjectId, ProviderId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'
import type { MountRequest } from './schema.ts'

/** Which of the mounts (by place in the list) a provider has no source for that this project may use in this mode. */
export async function missingSources(
  executor: Executor,
  projectId: ProjectId,
  mounts: readonly MountRequest[],
): Promise<(providerId: ProviderId) => number[]> {
  if (mounts.length === 0) return () => []
  const ids = mounts.map(({ source }) => source.id)
  const sources = await executor
    .selectFrom('storage_source')
    .select(['provider_id', 'kind', 'id', 'modes'])
    .where('id', 'in', ids)
    .where((eb) => eb.or([eb('project_id', 'is', null), eb('project_id', '=', projectId)]))
    .execute()
  return (providerId) => {
    const has = ({ source: { kind, id }, mode }: MountRequest) =>
      sources.some((s) => s.provider_id === providerId && s.kind === kind && s.id === id && s.modes.includes(mode))
    return mounts.flatMap((mount, index) => (has(mount) ? [] : [index]))
  }
}
