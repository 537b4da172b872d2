import { expect } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import type { RealBackend } from './backend.ts'
import { becomesReady, stop, wish } from './sessions.ts'
import { createStandSite } from './site.ts'
import type { StandSite } from './site.ts'
import { accountedOf, slurmStand } from './slurm-stand.ts'

/** What Carrel writes down of sessions that were stopped, at different ages, is what the accounting of the cluster says in the end. */
export async function usedAsAccounted(backend: RealBackend): Promise<void> {
  const stand = await createStandSite(backend)
  try {
    const ids = await Promise.all([1, 2, 3, 4].map(async () => await wish(stand, backend)))
    for (const id of ids) {
      await becomesReady(stand, id)
      expect(await stop(stand, id)).toBe('stopped')
    }
    for (const id of ids) {
      const { job, ...used } = await usedBy(stand, id)
      expect(used).toEqual(await accountedOf(slurmStand(), job))
    }
  } finally {
    await stand.close()
  }
}

async function usedBy({ site }: StandSite, id: SessionId) {
  const row = await site.db
    .selectFrom('session_usage as u')
    .innerJoin('instance as i', (on) =>
      on.onRef('i.session_id', '=', 'u.session_id').onRef('i.generation', '=', 'u.generation'),
    )
    .select(['u.wall_seconds', 'u.cpu_seconds', 'i.ref'])
    .where('u.session_id', '=', id)
    .executeTakeFirstOrThrow()
  return { wallSeconds: row.wall_seconds, cpuSeconds: row.cpu_seconds, job: row.ref?.ids?.['job'] ?? '' }
}
