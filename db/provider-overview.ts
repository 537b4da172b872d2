import { sql } from 'kysely'
import type { Capabilities } from '../domain/capabilities.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { CheckCode } from '../domain/provider-check.ts'
import type { DriftKind } from '../domain/reconciliation.ts'
import { nothing } from '../domain/resources.ts'
import type { Resources } from '../domain/resources.ts'
import { providerRole } from './beats.ts'
import type { Executor } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { resourcesOf, resourceSums } from './resource-columns.ts'

/** A provider as operators see it: nothing secret, no text of its backend. */
export interface ProviderOverview {
  readonly id: ProviderId
  readonly kind: string
  readonly origin: 'configuration' | 'api'
  readonly startLimit: number
  readonly networks: readonly string[]
  readonly classes: readonly string[]
  /** What was given by the API; `null` of one that configuration made: its settings may name files. */
  readonly settings: Readonly<Record<string, unknown>> | null
  /** Which secrets it was given. */
  readonly secretNames: readonly string[]
  readonly version: number
  /** What its driver says of itself; `null`: no worker has made it yet. */
  readonly capabilities: Capabilities | null
  /** Why the last worker that tried could not make its driver. */
  readonly openFault: CheckCode | null
  readonly disabledAt: Date | null
  readonly drainingSince: Date | null
  readonly breaker: {
    readonly state: 'closed' | 'open' | 'probing'
    readonly since: Date | null
    readonly retryAt: Date | null
    readonly failures: number
  }
  /** When the backend last listed what it holds. */
  readonly observedAt: Date | null
  /** When a worker last served it; `null`: none ever has. */
  readonly servedAt: Date | null
  /** Those that have not ended. */
  readonly sessions: readonly { readonly state: SessionState; readonly count: number }[]
  readonly held: Resources
  readonly sweep: {
    readonly disarmedAt: Date | null
    readonly withheld: number | null
    readonly lastRunAt: Date | null
    readonly lastWholeAt: Date | null
  }
  readonly drift: readonly { readonly kind: DriftKind; readonly count: number }[]
}

const providers = (executor: Executor) =>
  executor
    .selectFrom('provider as p')
    .leftJoin('provider_health as h', 'h.provider_id', 'p.id')
    .leftJoin('sweep as w', 'w.provider_id', 'p.id')
    .leftJoin('beat as b', (join) => join.on('b.role', '=', sql<string>`${providerRole('')} || p.id`))
    .select(['p.id', 'p.kind', 'p.origin', 'p.start_limit', 'p.disabled_at', 'p.draining_at', 'p.version'])
    .select(['p.networks', 'p.classes', 'p.settings', 'p.secret_names', 'h.capabilities', 'h.open_fault'])
    .select(['h.state as breaker', 'h.since', 'h.retry_at', 'h.failures', 'h.observed_at', 'b.at as served_at'])
    .select(['w.disarmed_at', 'w.withheld', 'w.last_run_at', 'w.last_whole_at'])
type Row = Awaited<ReturnType<ReturnType<typeof providers>['executeTakeFirstOrThrow']>>

export async function getProvider(executor: Executor, id: ProviderId): Promise<ProviderOverview | null> {
  const row = await providers(executor).where('p.id', '=', id).executeTakeFirst()
  return row === undefined ? null : ((await overviews(executor, [row]))[0] ?? null)
}

/** Providers in the order of their ids, the disabled ones too. */
export async function pageOfProviders(executor: Executor, { after, limit }: PageAsk): Promise<Page<ProviderOverview>> {
  const rows = await providers(executor)
    .$if(after !== null, (q) => q.where('p.id', '>', after as ProviderId))
    .orderBy('p.id')
    .limit(limit + 1)
    .execute()
  const { items, next } = pageOf(rows, limit, (row) => row)
  return { items: await overviews(executor, items), next }
}

async function overviews(executor: Executor, rows: readonly Row[]): Promise<ProviderOverview[]> {
  const ids = rows.map((row) => row.id)
  const sessions = await sql<{ provider: ProviderId; state: SessionState; count: number }>`
    select provider_id as provider, state, count(*)::int as count from session
    where provider_id = any(${ids}) and ended_at is null group by 1, 2 order by 1, 2`.execute(executor)
  const held = await sql<Parameters<typeof resourcesOf<number>>[0] & { provider: ProviderId }>`
    select provider_id as provider, ${resourceSums} from reservation
    where provider_id = any(${ids}) and released_at is null group by 1`.execute(executor)
  const drift = await sql<{ provider: ProviderId; kind: DriftKind; count: number }>`
    select provider_id as provider, kind, count(*)::int as count from drift
    where provider_id = any(${ids}) group by 1, 2 order by 1, 2`.execute(executor)
  return rows.map((row) => {
    const sum = held.rows.find((h) => h.provider === row.id)
    return {
      id: row.id,
      kind: row.kind,
      origin: row.origin,
      startLimit: row.start_limit,
      networks: row.networks,
      classes: row.classes,
      settings: row.origin === 'api' ? row.settings : null,
      secretNames: row.secret_names,
      version: row.version,
      capabilities: row.capabilities,
      openFault: row.open_fault,
      disabledAt: row.disabled_at,
      drainingSince: row.draining_at,
      breaker: {
        state: row.breaker ?? 'closed',
        since: row.since,
        retryAt: row.retry_at,
        failures: row.failures ?? 0,
      },
      observedAt: row.observed_at,
      servedAt: row.served_at,
      sessions: sessions.rows.filter((s) => s.provider === row.id),
      held: sum === undefined ? nothing : resourcesOf<number>(sum),
      sweep: {
        disarmedAt: row.disarmed_at,
        withheld: row.withheld,
        lastRunAt: row.last_run_at,
        lastWholeAt: row.last_whole_at,
      },
      drift: drift.rows.filter((d) => d.provider === row.id),
    }
  })
}
