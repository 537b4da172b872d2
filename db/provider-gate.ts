import { sql } from 'kysely'
import { slots } from '../domain/dispatch.ts'
import type { ProviderGate } from '../domain/dispatch.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { WaitingFor } from '../domain/lifecycle.ts'
import { neverServed } from './beats.ts'
import type { Executor, Trx } from './connect.ts'

export interface ProviderBusyness extends ProviderGate {
  /** Sessions that wait already: who comes later goes behind them. */
  readonly queued: number
}

/** What the provider allows now, derived from rows. With its quota row locked this is exact across processes. */
export async function providerGate(executor: Trx | Executor, providerId: ProviderId): Promise<ProviderBusyness> {
  const { rows } = await sql<{
    start_limit: number
    open: boolean
    breaker: 'closed' | 'open' | 'probing' | null
    retry_at: Date | null
    provisioning: number
    queued: number
    now: Date
  }>`
    select p.start_limit, (p.disabled_at is null and p.draining_at is null and not ${neverServed(sql.ref('p.id'))}) as open, h.state as breaker, h.retry_at,
      (select count(*)::int from session where provider_id = p.id and state = 'provisioning' and ended_at is null) as provisioning,
      (select count(*)::int from session where provider_id = p.id and state = 'queued' and ended_at is null
        and stop_requested_at is null) as queued,
      now() as now
    from provider p left join provider_health h on h.provider_id = p.id
    where p.id = ${providerId}
  `.execute(executor)
  const row = rows[0]
  if (row === undefined) throw new Error(`There is no provider ${providerId}.`)
  return {
    startLimit: row.start_limit,
    open: row.open,
    breaker: row.breaker ?? 'closed',
    retryAt: row.retry_at?.getTime() ?? null,
    provisioning: row.provisioning,
    queued: row.queued,
    now: row.now.getTime(),
  }
}

/** Why a session that comes now must wait; `null` when it may begin at once: a free slot, and nobody before it. */
export function freeSlot(gate: ProviderBusyness): WaitingFor | null {
  if (!gate.open || gate.breaker !== 'closed') return 'provider_unavailable'
  return gate.queued === 0 && slots(gate).count > 0 ? null : 'provider_busy'
}
