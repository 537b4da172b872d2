import { sql } from 'kysely'
import type { PayerKind } from '../domain/admission.ts'
import { payerKinds } from '../domain/admission.ts'
import { newId } from '../domain/ids.ts'
import type { ProjectId, ProviderId, TemplateId } from '../domain/ids.ts'
import { unlimited } from '../domain/resources.ts'
import type { Limits } from '../domain/resources.ts'
import type { MountKind, TemplateSpec } from '../domain/template.ts'
import type { Volume } from '../domain/volumes.ts'
import { applyProviders } from './configured-providers.ts'
import type { ConfiguredProvider } from './configured-providers.ts'
import type { Db, Trx } from './connect.ts'
import { applyDataRoots } from './data-roots.ts'
import type { ConfiguredRoot } from './data-roots.ts'
import { resourceColumns } from './resource-columns.ts'
import { explainWaiting, holdWaiting, wakeWaiting } from './waiting.ts'
import type { WaitingThere } from './waiting.ts'

/** What an installation's configuration says should stand in the database. */
export interface Configuration {
  readonly providers: readonly ConfiguredProvider[]
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
  /** Where the site's data lies at its providers. */
  readonly dataRoots?: readonly ConfiguredRoot[]
}

/**
 * Makes the database say what the configuration says, in one transaction: providers, quota defaults, templates (a changed one
 * becomes a new version), storage sources, data roots. What configuration made and no longer names is disabled, never deleted.
 */
export async function applyConfiguration(db: Db, configuration: Configuration): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtext('carrel configuration'))`.execute(trx)
    const { begin, disabled } = await applyProviders(trx, configuration.providers)
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
    await applyDataRoots(trx, configuration.dataRoots ?? [])
    // All at once and last: whoever locks many sessions locks them by id, and keeps them not longer than it must.
    const there: WaitingThere = { providerIds: disabled, waitingFor: 'provider_unavailable' }
    await holdWaiting(trx, there, begin)
    await explainWaiting(trx, there)
    await wakeWaiting(trx, begin)
  })
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
