import type { DataRoot } from '../domain/data-roots.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { MountSource, Volume } from '../domain/volumes.ts'
import type { Executor, Trx } from './connect.ts'

/** A tree of the site's data at one provider: a directory there, or a volume. */
export interface ConfiguredRoot {
  readonly path: string
  readonly providerId: string
  readonly hostPath?: string | undefined
  readonly volume?: Volume | undefined
}

/** Makes the roots those of the configuration. */
export async function applyDataRoots(trx: Trx, roots: readonly ConfiguredRoot[]): Promise<void> {
  await trx.deleteFrom('data_root').execute()
  for (const { path, providerId, hostPath, volume } of roots)
    await trx
      .insertInto('data_root')
      .values({
        path,
        // A foreign key checks it.
        provider_id: providerId as ProviderId,
        host_path: hostPath?.replace(/\/$/, '') ?? null,
        volume: volume === undefined ? null : JSON.stringify(volume),
      })
      .execute()
}

/** Where data lies at which provider. */
export async function readDataRoots(executor: Executor): Promise<(providerId: ProviderId) => readonly DataRoot[]> {
  const rows = await executor.selectFrom('data_root').selectAll().execute()
  const roots = Map.groupBy(rows, ({ provider_id }) => provider_id)
  return (providerId) =>
    (roots.get(providerId) ?? []).map(({ path, host_path, volume }) => ({ path, source: sourceOf(host_path, volume) }))
}

const sourceOf = (hostPath: string | null, volume: Volume | null): MountSource =>
  volume === null ? { hostPath: hostPath ?? '' } : { volume }

/** The paths below which data may lie at all, wherever. */
export async function allRoots(executor: Executor): Promise<string[]> {
  const rows = await executor.selectFrom('data_root').select('path').distinct().orderBy('path').execute()
  return rows.map(({ path }) => path)
}
