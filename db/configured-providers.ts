import { sql } from 'kysely'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'
import { openProviderBooks } from './provider-registry.ts'
import { oldestWaiting } from './waiting.ts'

/** A provider as an installation's configuration says it. */
export interface ConfiguredProvider {
  readonly id: string
  readonly kind: string
  readonly startLimit: number
  readonly networks: readonly string[]
  readonly classes?: readonly string[] | undefined
  readonly settings: Readonly<Record<string, unknown>>
}

export interface AppliedProviders {
  /** Sessions that wait and may begin now: as many as each provider that serves again, or serves more, has places. */
  readonly begin: readonly SessionId[]
  /** Those that are not named any more: from now on nobody begins there. */
  readonly disabled: readonly ProviderId[]
}

/**
 * Makes the table say what the configuration says; what configuration made and no longer names is disabled. One that was made
 * through the API and is named now is the configuration's from here on, without the secrets it was given. Throws where one becomes
 * of another kind at which something still is: nobody would find that any more.
 */
export async function applyProviders(trx: Trx, providers: readonly ConfiguredProvider[]): Promise<AppliedProviders> {
  const before = await lockProviders(trx)
  for (const provider of providers) {
    const id = provider.id as ProviderId
    const was = before.find((row) => row.id === id)
    if (was?.holds === true && was.kind !== provider.kind)
      throw new Error(`The provider ${id} is of the kind ${was.kind} as long as it holds anything. Give another id.`)
    const values = {
      kind: provider.kind,
      start_limit: provider.startLimit,
      networks: [...provider.networks],
      classes: [...(provider.classes ?? [])],
      settings: JSON.stringify(provider.settings),
      secrets: null,
      secret_names: [],
    }
    await trx
      .insertInto('provider')
      .values({ id, origin: 'configuration', ...values })
      .onConflict((c) =>
        c
          .column('id')
          .doUpdateSet({
            ...values,
            origin: 'configuration',
            version: sql<number>`provider.version + 1`,
            disabled_at: null,
          })
          // A version that rises makes every worker open the provider's queues anew: only for a change.
          .where(
            sql<boolean>`provider.disabled_at is not null or provider.origin <> 'configuration'
              or (provider.kind, provider.start_limit, provider.networks, provider.classes, provider.settings)
                is distinct from
                (excluded.kind, excluded.start_limit, excluded.networks, excluded.classes, excluded.settings)`,
          ),
      )
      .execute()
    await openProviderBooks(trx, id)
  }
  const dropped = await trx
    .updateTable('provider')
    .set({ disabled_at: sql<Date>`now()`, version: sql<number>`version + 1` })
    .where('origin', '=', 'configuration')
    .where('disabled_at', 'is', null)
    .where('id', 'not in', ['', ...providers.map((p) => p.id)] as ProviderId[])
    .returning('id')
    .execute()
  const begin: SessionId[] = []
  for (const { id, startLimit } of providers) {
    const was = before.find((row) => row.id === id)
    const serves = was !== undefined && (was.disabled_at !== null || startLimit > was.start_limit)
    if (serves) begin.push(...(await oldestWaiting(trx, was.id, startLimit)))
  }
  return { begin, disabled: dropped.map((row) => row.id) }
}

/** All providers as they are, under their quota rows: who admits, dispatches or drains takes those before anything else. */
async function lockProviders(trx: Trx) {
  await trx
    .selectFrom('quota')
    .select('payer_id')
    .where('payer_kind', '=', 'provider')
    .orderBy('payer_id')
    .forNoKeyUpdate()
    .execute()
  return await trx
    .selectFrom('provider as p')
    .select(['p.id', 'p.kind', 'p.start_limit', 'p.disabled_at'])
    .select(
      sql<boolean>`exists (select from session where provider_id = p.id and ended_at is null)
        or exists (select from instance where provider_id = p.id and removed_at is null)`.as('holds'),
    )
    .execute()
}
