import { sql } from 'kysely'
import type { ProviderId } from '../domain/ids.ts'
import type { Candidate } from '../domain/placement.ts'
import type { Executor } from './connect.ts'

/**
 * Every provider, as placement sees it now. No lock: the choice is a hint, admission and dispatch decide. An only provider
 * is chosen whatever its load: that is not counted then.
 */
export async function placementCandidates(executor: Executor): Promise<Candidate[]> {
  const { rows } = await sql<{ id: ProviderId; kind: string; open: boolean; healthy: boolean; load: number }>`
    select p.id, p.kind, p.disabled_at is null and p.draining_at is null as open,
      coalesce(h.state, 'closed') = 'closed' as healthy,
      case when (select count(*) from provider) = 1 then 0
        else (select count(*)::int from session where provider_id = p.id and ended_at is null) end as load
    from provider p left join provider_health h on h.provider_id = p.id
  `.execute(executor)
  return rows
}
