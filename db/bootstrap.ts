import { sql } from 'kysely'
import type { PayerKind } from '../domain/admission.ts'
import { payerKinds } from '../domain/admission.ts'
import { newId } from '../domain/ids.ts'
import type { ProjectId, ProviderId, SessionId, TemplateId } from '../domain/ids.ts'
import { unlimited } from '../domain/resources.ts'
import type { Limits } from '../domain/resources.ts'
import type { MountKind, TemplateSpec } from '../domain/template.ts'
import type { Volume } from '../domain/volumes.ts'
import type { Db, Trx } from './connect.ts'
import { resourceColumns } from './resource-columns.ts'
import { oldestWaiting, wakeWaiting } from './waiting.ts'

/** What an installation's configuration says should stand in the database. */
export interface Configuration {
  readonly providers: readonly {
    readonly id: string
    readonly kind: string
    readonly startLimit: number
    readonly networks: readonly string[]
    readonly settings: Readonly<Record<string, unknown>>
  }[]
  readonly templates: readonly { readonly name: string; readonly spec: TemplateSpec }[]
  readonly quotaDefaults: Partial<Record<PayerKind, Partial<Limits>>>
  readonly storageSources?: readonly {
    readonly kind: MountKind
    readonly id: string
    readonly projectId?: string | undefined
    readonly providerId: string
    /** A directory there, or a volume: one of the two. */
    readonly hostPath?: string | undefined
    readonly volume?: Volume | undefined
    readonly modes: readonly ('ro' | 'rw')[]
  }[]
}

/**
 * Makes the database say what the configuration says, in one transaction: providers, quota defaults, templates (a changed one
 * becomes a new version), storage sources. What configuration made and no longer names is disabled, never deleted.
 */
export async function applyConfiguration(db: Db, configuration: Configuration): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtext('carrel configuration'))`.execute(trx)
    const opened = await applyProviders(trx, configuration.providers)
    for (const kind of payerKinds) {
      await trx
        .updateTable('quota_default')
        .set(resourceColumns({ ...unlimited, ...configuration.quotaDefaults[kind] }))
        .where('payer_kind', '=', kind)
        .execute()
    }
    await applyTemplates(trx, configuration.templates)
    await trx.deleteFrom('storage_source').execute()
    for (const source of configuration.storageSources ?? []) {
      await trx
        .insertInto('storage_source')
        .values({
          kind: source.kind,
          id: source.id,
          // Names in configuration are checked by the foreign keys, which refuse the whole of it.
          project_id: (source.projectId ?? null) as ProjectId | null,
          provider_id: source.providerId as ProviderId,
          host_path: source.hostPath ?? null,
          volume: source.volume === undefined ? null : JSON.stringify(source.volume),
          modes: [...source.modes],
        })
        .execute()
    }
    // All at once and last: whoever locks many sessions locks them by id, and keeps them not longer than it must.
    await wakeWaiting(trx, opened)
  })
}

/** Returns those that wait and may begin now: as many as each provider that serves again, or serves more, has places. */
async function applyProviders(trx: Trx, providers: Configuration['providers']): Promise<SessionId[]> {
  const before = await lockProviders(
    trx,
    providers.map((p) => p.id as ProviderId),
  )
  for (const provider of providers) {
    const values = {
      kind: provider.kind,
      start_limit: provider.startLimit,
      networks: [...provider.networks],
      settings: JSON.stringify(provider.settings),
    }
    await trx
      .insertInto('provider')
      .values({ id: provider.id as ProviderId, origin: 'configuration', ...values })
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
              or (provider.kind, provider.start_limit, provider.networks, provider.settings) is distinct from
                (excluded.kind, excluded.start_limit, excluded.networks, excluded.settings)`,
          ),
      )
      .execute()
    await trx
      .insertInto('provider_health')
      .values({ provider_id: provider.id as ProviderId })
      .onConflict((c) => c.doNothing())
      .execute()
    await trx
      .insertInto('sweep')
      .values({ provider_id: provider.id as ProviderId })
      .onConflict((c) => c.doNothing())
      .execute()
    await trx
      .insertInto('quota')
      .values({ payer_kind: 'provider', payer_id: provider.id })
      .onConflict((c) => c.doNothing())
      .execute()
  }
  await trx
    .updateTable('provider')
    .set({ disabled_at: sql<Date>`now()`, version: sql<number>`version + 1` })
    .where('origin', '=', 'configuration')
    .where('disabled_at', 'is', null)
    .where('id', 'not in', ['', ...providers.map((p) => p.id)] as ProviderId[])
    .execute()
  const begin: SessionId[] = []
  for (const { id, startLimit } of providers) {
    const was = before.find((row) => row.id === id)
    const serves = was !== undefined && (was.disabled_at !== null || startLimit > was.start_limit)
    if (serves) begin.push(...(await oldestWaiting(trx, was.id, startLimit)))
  }
  return begin
}

/** The providers as they are, under their quota rows: who admits, dispatches or drains takes those before anything else. */
async function lockProviders(trx: Trx, ids: readonly ProviderId[]) {
  await trx
    .selectFrom('quota')
    .select('payer_id')
    .where('payer_kind', '=', 'provider')
    .where('payer_id', 'in', ['', ...ids])
    .orderBy('payer_id')
    .forNoKeyUpdate()
    .execute()
  const present = trx.selectFrom('provider').select(['id', 'start_limit', 'disabled_at'])
  return await present.where('id', 'in', ['' as ProviderId, ...ids]).execute()
}

async function applyTemplates(trx: Trx, templates: Configuration['templates']): Promise<void> {
  for (const { name, spec } of templates) {
    const present = await lockTemplate(trx, name, spec)
    if (present?.same === true) {
      await trx
        .updateTable('template')
        .set({ origin: 'configuration', deactivated_at: null, version: sql<number>`version + 1` })
        .where('id', '=', present.id)
        .where((eb) => eb.or([eb('deactivated_at', 'is not', null), eb('origin', '<>', 'configuration')]))
        .execute()
      continue
    }
    const id: TemplateId = present?.id ?? newId('template')
    const version = (present?.current_version ?? 0) + 1
    if (present === undefined) {
      await trx.insertInto('template').values({ id, name, origin: 'configuration', current_version: version }).execute()
    } else {
      await trx
        .updateTable('template')
        .set({
          origin: 'configuration',
          current_version: version,
          version: sql<number>`version + 1`,
          deactivated_at: null,
        })
        .where('id', '=', id)
        .execute()
    }
    await trx
      .insertInto('template_version')
      .values({ template_id: id, version, spec: JSON.stringify(spec) })
      .execute()
  }
  await trx
    .updateTable('template')
    .set({ deactivated_at: sql<Date>`now()`, version: sql<number>`version + 1` })
    .where('origin', '=', 'configuration')
    .where('deactivated_at', 'is', null)
    .where('name', 'not in', ['', ...templates.map((t) => t.name)])
    .execute()
}

/** The template of this name, locked before its version is read: which one is current may have changed during the wait. */
async function lockTemplate(trx: Trx, name: string, spec: TemplateSpec) {
  const template = await trx
    .selectFrom('template')
    .select(['id', 'current_version'])
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst()
  if (template === undefined) return undefined
  const { same } = await trx
    .selectFrom('template_version')
    .select(sql<boolean>`spec = ${JSON.stringify(spec)}::jsonb`.as('same'))
    .where('template_id', '=', template.id)
    .where('version', '=', template.current_version)
    .executeTakeFirstOrThrow()
  return { ...template, same }
}
