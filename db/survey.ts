import { sql } from 'kysely'
import { slots } from '../domain/dispatch.ts'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { Known } from '../domain/reconciliation.ts'
import type { Executor } from './connect.ts'
import { providerGate } from './provider-gate.ts'

/** A session as the rows have it, before anybody asked Temporal. */
export interface KnownRow extends Omit<Known, 'workflow'> {
  readonly sessionId: SessionId
}

/** The provider's sessions that live or hold something, and those that were met elsewhere. */
export async function readKnown(
  executor: Executor,
  providerId: ProviderId,
  met: readonly string[],
): Promise<KnownRow[]> {
  const { rows } = await sql<{
    id: SessionId
    state: SessionState
    generation: number
    made_at: Date | null
    held: number[]
    unconfirmed: number[]
    continued: number[]
    begun: boolean
    seen: boolean
  }>`
    select s.id, s.state, s.generation, i.made_at, s.seen_version > 0 as seen,
      exists (select from instance b where b.session_id = s.id and b.generation = s.generation) as begun,
      array(select generation from reservation r where r.session_id = s.id and r.released_at is null order by 1) as held,
      array(select generation from instance t where t.session_id = s.id and t.tombstoned_at is not null
        and t.removed_at is null order by 1) as unconfirmed,
      array(select generation from instance c where c.session_id = s.id and c.generation < s.generation
        and c.tombstoned_at is null and c.removed_at is null order by 1) as continued
    from session s left join instance i on i.session_id = s.id and i.generation = s.generation
      and i.tombstoned_at is null and i.removed_at is null
      and s.state in ('provisioning', 'ready', 'pausing', 'paused', 'resuming')
    where (s.provider_id = ${providerId} and s.ended_at is null) or s.id = any(${met}::text[])
      or s.id in (select session_id from reservation where provider_id = ${providerId} and released_at is null)
      or s.id in (select session_id from instance where provider_id = ${providerId} and removed_at is null)
    order by s.state_since
  `.execute(executor)
  return rows.map((row) => ({
    sessionId: row.id,
    state: row.state,
    generation: row.generation,
    instanceMadeAt: row.made_at?.getTime() ?? null,
    instanceBegun: row.begun,
    held: row.held,
    unconfirmed: row.unconfirmed,
    continued: row.continued,
    seenByWorkflow: row.seen,
  }))
}

/** Whether sessions wait although the provider has room. */
export async function isQueueIdle(executor: Executor, providerId: ProviderId): Promise<boolean> {
  const gate = await providerGate(executor, providerId)
  return gate.queued > 0 && slots(gate).count > 0
}

/** Whether no row says anything about this instance: neither one of its own, nor a session of that generation that has ended. */
export async function isUnknownInstance(
  executor: Executor,
  { sessionId, generation }: { readonly sessionId: string; readonly generation: number },
): Promise<boolean> {
  const { rows } = await sql<{ known: boolean }>`
    select exists (select from instance where session_id = ${sessionId} and generation = ${generation}::int)
      or exists (select from session where id = ${sessionId}
        and (generation > ${generation}::int or generation = ${generation}::int and ended_at is not null)) as known
  `.execute(executor)
  return rows[0]?.known === false
}

/** Whether anything of the provider is still held, or its removal unconfirmed: it is looked after, also out of service. */
export async function isProviderInUse(executor: Executor, providerId: ProviderId): Promise<boolean> {
  const { rows } = await sql<{ used: boolean }>`
    select exists (select from reservation where provider_id = ${providerId} and released_at is null)
      or exists (select from instance where provider_id = ${providerId} and removed_at is null) as used
  `.execute(executor)
  return rows[0]?.used === true
}
