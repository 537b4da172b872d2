import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
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

/** The one row that `gateOf` reads, for a statement that reads more. Times are ms since the epoch. */
export const gateQuery = (providerId: ProviderId): RawBuilder<GateRow> => sql<GateRow>`
  select p.start_limit, (p.disabled_at is null and p.draining_at is null and not ${neverServed(sql.ref('p.id'))}) as open,
    coalesce(h.state, 'closed') as breaker,
    floor(extract(epoch from h.retry_at) * 1000)::float8 as retry_at,
    (select count(*)::int from session where provider_id = p.id and state in ('provisioning', 'resuming') and ended_at is null) as provisioning,
    (select count(*)::int from session where provider_id = p.id and state = 'queued' and ended_at is null
      and stop_requested_at is null) as queued,
    floor(extract(epoch from now()) * 1000)::float8 as now
  from provider p left join provider_health h on h.provider_id = p.id
  where p.id = ${providerId}`

export interface GateRow {
  readonly start_limit: number
  readonly open: boolean
  readonly breaker: 'closed' | 'open' | 'probing'
  readonly retry_at: number | null
  readonly provisioning: number
  readonly queued: number
  readonly now: number
}

/** What the row of `gateQuery` says. Throws where there is no such provider. */
export function gateOf(row: GateRow | null | undefined): ProviderBusyness {
  if (row === undefined || row === null) throw new Error('There is no such provider.')
  const { start_limit: startLimit, retry_at: retryAt, open, breaker, provisioning, queued, now } = row
  return { startLimit, retryAt, open, breaker, provisioning, queued, now }
}

/** What the provider allows now, derived from rows. With its quota row locked this is exact across processes. */
export async function providerGate(executor: Trx | Executor, providerId: ProviderId): Promise<ProviderBusyness> {
  const { rows } = await gateQuery(providerId).execute(executor)
  return gateOf(rows[0])
}

/** Why a session that comes now must wait; `null` when it may begin at once: a free slot, and nobody before it. */
export function freeSlot(gate: ProviderBusyness): WaitingFor | null {
  if (!gate.open || gate.breaker !== 'closed') return 'provider_unavailable'
  return gate.queued === 0 && slots(gate).count > 0 ? null : 'provider_busy'
}
