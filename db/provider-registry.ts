import { sql } from 'kysely'
import type { ProviderId } from '../domain/ids.ts'
import { lockPayers } from './admission.ts'
import type { Trx } from './connect.ts'
import { openBooks } from './quotas.ts'
import { oldestWaiting, wakeWaiting } from './waiting.ts'

/** What stands beside a provider's row, and what admission, breaker and sweep fail closed without. Repeats change nothing. */
export async function openProviderBooks(trx: Trx, id: ProviderId): Promise<void> {
  for (const table of ['provider_health', 'sweep'] as const)
    await trx
      .insertInto(table)
      .values({ provider_id: id })
      .onConflict((c) => c.doNothing())
      .execute()
  await openBooks(trx, { kind: 'provider', id })
}

/** The settings of a provider, and what of them is secret: always replaced together. */
export interface ProviderSettings {
  readonly settings: Readonly<Record<string, unknown>>
  /** Sealed for its row; `null`: there are none. */
  readonly secrets: Buffer | null
  readonly secretNames: readonly string[]
}

export interface NewProvider extends ProviderSettings {
  readonly id: ProviderId
  readonly kind: string
  readonly startLimit: number
  readonly networks: readonly string[]
  readonly classes: readonly string[]
  /** No session begins there until an operator lets them. */
  readonly draining: boolean
}

/** Makes a provider; workers find it in the table. `taken`: there is one of this id, be it out of service. */
export async function insertProvider(trx: Trx, provider: NewProvider): Promise<'made' | 'taken'> {
  const made = await trx
    .insertInto('provider')
    .values({
      id: provider.id,
      kind: provider.kind,
      origin: 'api',
      start_limit: provider.startLimit,
      networks: [...provider.networks],
      classes: [...provider.classes],
      draining_at: provider.draining ? sql<Date>`now()` : null,
      ...settingsColumns(provider),
    })
    .onConflict((c) => c.doNothing())
    .executeTakeFirst()
  if (made.numInsertedOrUpdatedRows === 0n) return 'taken'
  await openProviderBooks(trx, provider.id)
  return 'made'
}

const settingsColumns = ({ settings, secrets, secretNames }: ProviderSettings) => ({
  settings: JSON.stringify(settings),
  secrets,
  secret_names: [...secretNames],
})

/** A provider as who changes it must know it. */
export interface LockedProvider {
  readonly kind: string
  readonly origin: 'configuration' | 'api'
  readonly settings: Record<string, unknown>
  readonly secretNames: readonly string[]
  readonly version: number
  readonly disabled: boolean
}

/** Locks what admission and dispatch decide under, and then the provider. `null`: there is none. */
export async function lockProvider(trx: Trx, id: ProviderId): Promise<LockedProvider | null> {
  const present = await trx.selectFrom('provider').select('id').where('id', '=', id).executeTakeFirst()
  if (present === undefined) return null
  await lockPayers(trx, [{ kind: 'provider', id }])
  const row = await trx
    .selectFrom('provider')
    .select(['kind', 'origin', 'settings', 'secret_names', 'version', 'disabled_at'])
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow()
  const { kind, origin, settings, version } = row
  return { kind, origin, settings, secretNames: row.secret_names, version, disabled: row.disabled_at !== null }
}

export interface ProviderChange {
  readonly startLimit?: number | undefined
  readonly networks?: readonly string[] | undefined
  readonly classes?: readonly string[] | undefined
  readonly settings?: ProviderSettings
}

/**
 * Changes a locked provider. Workers open its queues anew, and what runs goes on. Of those that wait there as many look again as
 * may begin at once.
 */
export async function changeProvider(trx: Trx, id: ProviderId, change: ProviderChange): Promise<void> {
  const { startLimit, networks, classes, settings } = change
  const { start_limit } = await trx
    .updateTable('provider')
    .set({
      version: sql<number>`version + 1`,
      ...(startLimit === undefined ? {} : { start_limit: startLimit }),
      ...(networks === undefined ? {} : { networks: [...networks] }),
      ...(classes === undefined ? {} : { classes: [...classes] }),
      ...(settings === undefined ? {} : settingsColumns(settings)),
    })
    .where('id', '=', id)
    .returning('start_limit')
    .executeTakeFirstOrThrow()
  await wakeWaiting(trx, await oldestWaiting(trx, id, start_limit))
}
