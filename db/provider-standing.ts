import { sql } from 'kysely'
import type { Capabilities } from '../domain/capabilities.ts'
import type { ProviderId } from '../domain/ids.ts'
import { hasTerms } from '../domain/placement.ts'
import type { CheckCode } from '../domain/provider-check.ts'
import type { TemplateSpec } from '../domain/template.ts'
import type { Executor } from './connect.ts'

/** Keeps what a provider's driver says of itself: whoever chooses a place for a session reads it. Writes only what is new. */
export async function recordCapabilities(
  executor: Executor,
  providerId: ProviderId,
  capabilities: Capabilities,
): Promise<void> {
  const text = JSON.stringify(capabilities)
  await sql`
    update provider_health set capabilities = ${text}::jsonb, open_fault = null
    where provider_id = ${providerId}
      and (capabilities is distinct from ${text}::jsonb or open_fault is not null)`.execute(executor)
}

/** Keeps why a worker could not make the provider's driver. */
export async function recordOpenFault(executor: Executor, providerId: ProviderId, fault: CheckCode): Promise<void> {
  await sql`
    update provider_health set open_fault = ${fault}
    where provider_id = ${providerId} and open_fault is distinct from ${fault}`.execute(executor)
}

export async function readOpenFault(executor: Executor, providerId: ProviderId): Promise<CheckCode | null> {
  const row = await executor
    .selectFrom('provider_health')
    .select('open_fault')
    .where('provider_id', '=', providerId)
    .executeTakeFirst()
  return row?.open_fault ?? null
}

/** What the templates in service say whose sessions may be placed at the provider, of the first `atMost` that name it. */
export async function templatesAt(
  executor: Executor,
  providerId: ProviderId,
  atMost: number,
): Promise<readonly TemplateSpec[]> {
  const { rows } = await sql<{ spec: TemplateSpec; kind: string }>`
    select v.spec, p.kind from template t
    join template_version v on v.template_id = t.id and v.version = t.current_version
    join provider p on p.id = ${providerId}
    where t.deactivated_at is null and (v.spec #>> '{provider,id}' = p.id or v.spec #>> '{provider,kind}' = p.kind
      or v.spec #>> '{provider,class}' = any(p.classes))
    order by t.id limit ${atMost}`.execute(executor)
  return rows.filter(({ spec, kind }) => hasTerms(spec, kind)).map(({ spec }) => spec)
}
