import type { ProviderId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'

export interface ProviderRow {
  readonly id: ProviderId
  readonly kind: string
  readonly origin: 'configuration' | 'api'
  readonly startLimit: number
  /** Where its instances may be reached: CIDRs. */
  readonly networks: readonly string[]
  readonly classes: readonly string[]
  readonly settings: Record<string, unknown>
  readonly version: number
  readonly disabled: boolean
  readonly draining: boolean
}

/** Every provider there is, the disabled ones too: those are looked after until they hold nothing. */
export async function listProviders(executor: Executor): Promise<ProviderRow[]> {
  const rows = await executor
    .selectFrom('provider')
    .select(['id', 'kind', 'origin', 'start_limit', 'networks', 'classes', 'settings', 'version'])
    .select(['disabled_at', 'draining_at'])
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    origin: row.origin,
    startLimit: row.start_limit,
    networks: row.networks,
    classes: row.classes,
    settings: row.settings,
    version: row.version,
    disabled: row.disabled_at !== null,
    draining: row.draining_at !== null,
  }))
}

/**
 * What of a provider's settings is secret, sealed, as it goes with the settings of this version; `null`: nothing is. Throws where the
 * provider was changed since.
 */
export async function readSealedSettings(
  executor: Executor,
  { id, version }: Pick<ProviderRow, 'id' | 'version'>,
): Promise<Buffer | null> {
  const row = await executor
    .selectFrom('provider')
    .select('secrets')
    .where('id', '=', id)
    .where('version', '=', version)
    .executeTakeFirst()
  if (row === undefined) throw new Error('the provider was changed meanwhile')
  return row.secrets
}

export async function providerExists(executor: Executor, id: ProviderId): Promise<boolean> {
  return (await executor.selectFrom('provider').select('id').where('id', '=', id).executeTakeFirst()) !== undefined
}

export interface ProviderHealth {
  readonly providerId: ProviderId
  readonly state: 'closed' | 'open' | 'probing'
  readonly since: Date
  readonly retryAt: Date | null
  readonly observedAt: Date | null
  readonly observeError: string | null
  readonly observeMs: number | null
}

export async function readHealth(executor: Executor): Promise<ProviderHealth[]> {
  const rows = await executor.selectFrom('provider_health').selectAll().orderBy('provider_id').execute()
  return rows.map((row) => ({
    providerId: row.provider_id,
    state: row.state,
    since: row.since,
    retryAt: row.retry_at,
    observedAt: row.observed_at,
    observeError: row.observe_error,
    observeMs: row.observe_ms,
  }))
}
