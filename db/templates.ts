import { sql } from 'kysely'
import type { AccountId, TemplateId } from '../domain/ids.ts'
import { isVisible } from '../domain/template.ts'
import type { TemplateSpec, Viewer } from '../domain/template.ts'
import type { Executor, Trx } from './connect.ts'
import type { Page, PageAsk } from './paging.ts'

/** A template at one of its versions: the current one, unless asked otherwise. */
export interface Template {
  readonly id: TemplateId
  readonly name: string
  readonly origin: 'configuration' | 'api'
  readonly version: number
  readonly spec: TemplateSpec
  /** Counts every change of the template, its deactivation too: what `If-Match` speaks of. */
  readonly revision: number
  readonly createdAt: Date
  readonly deactivatedAt: Date | null
}

const templates = (executor: Executor) =>
  executor
    .selectFrom('template as t')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 't.id').onRef('v.version', '=', 't.current_version'),
    )
    .select(['t.id', 't.name', 't.origin', 't.current_version', 't.version', 't.created_at', 't.deactivated_at'])
    .select('v.spec')
export type TemplateRow = Awaited<ReturnType<ReturnType<typeof templates>['executeTakeFirstOrThrow']>>

/** The columns of a template and its version, as the value. */
export const templateOf = (row: TemplateRow): Template => ({
  id: row.id,
  name: row.name,
  origin: row.origin,
  version: row.current_version,
  spec: row.spec,
  revision: row.version,
  createdAt: row.created_at,
  deactivatedAt: row.deactivated_at,
})

/** The template; for a `viewer` only if it may see it. `null` viewer: an operator, who sees all. */
export async function getTemplate(executor: Executor, id: TemplateId, viewer: Viewer | null): Promise<Template | null> {
  const row = await templates(executor).where('t.id', '=', id).executeTakeFirst()
  if (row === undefined || !(viewer === null || isVisible(row.spec.visibleTo, viewer))) return null
  return templateOf(row)
}

export async function findTemplateByName(executor: Executor, name: string): Promise<Template | null> {
  const row = await templates(executor).where('t.name', '=', name).executeTakeFirst()
  return row === undefined ? null : templateOf(row)
}

export interface TemplateFilter {
  readonly viewer: Viewer | null
  readonly inactive: boolean
}

/** Read at a time: visibility is decided by the domain's rule alone, not by a second one in SQL. */
const batch = 200

/** The templates that the viewer may see, newest first; inactive ones on request. */
export async function listTemplates(
  executor: Executor,
  { viewer, inactive }: TemplateFilter,
  { after, limit }: PageAsk,
): Promise<Page<Template>> {
  const found: Template[] = []
  let from = after
  for (;;) {
    const rows = await templates(executor)
      .$if(from !== null, (q) => q.where('t.id', '<', from as TemplateId))
      .$if(!inactive, (q) => q.where('t.deactivated_at', 'is', null))
      .orderBy('t.id', 'desc')
      .limit(batch)
      .execute()
    for (const row of rows) {
      if (viewer !== null && !isVisible(row.spec.visibleTo, viewer)) continue
      if (found.length === limit) return { items: found, next: found.at(-1)?.id ?? null }
      found.push(templateOf(row))
    }
    if (rows.length < batch) return { items: found, next: null }
    from = rows.at(-1)?.id ?? null
  }
}

export interface NewTemplate {
  readonly id: TemplateId
  readonly name: string
  readonly origin: 'configuration' | 'api'
  readonly spec: TemplateSpec
  readonly createdBy: AccountId | null
}

/** Makes a template at its version 1. `name_taken`: another one has this name; nothing is changed. */
export async function insertTemplate(trx: Trx, template: NewTemplate): Promise<'made' | 'name_taken'> {
  const made = await trx
    .insertInto('template')
    .values({ id: template.id, name: template.name, origin: template.origin, current_version: 1 })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (made === undefined) return 'name_taken'
  await insertVersion(trx, template, 1)
  return 'made'
}

/** Locks the template's row, then reads it: a join under the lock would miss a version that came while it waited. */
export async function lockTemplate(trx: Trx, id: TemplateId): Promise<Template | null> {
  await trx.selectFrom('template').select('id').where('id', '=', id).forNoKeyUpdate().execute()
  return await getTemplate(trx, id, null)
}

/** Adds a version, which is the current one from now on; running sessions keep theirs. An inactive template is active again. */
export async function addVersion(
  trx: Trx,
  template: Template,
  spec: TemplateSpec,
  createdBy: AccountId | null,
): Promise<void> {
  await insertVersion(trx, { id: template.id, spec, createdBy }, template.version + 1)
  await trx
    .updateTable('template')
    .set({ current_version: template.version + 1, version: sql<number>`version + 1`, deactivated_at: null })
    .where('id', '=', template.id)
    .execute()
}

/** Lets no new session start from the template. Repeats keep the first time. */
export async function deactivateTemplate(trx: Trx, id: TemplateId): Promise<void> {
  await trx
    .updateTable('template')
    .set({ deactivated_at: sql<Date>`now()`, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .where('deactivated_at', 'is', null)
    .execute()
}

const insertVersion = async (
  trx: Trx,
  { id, spec, createdBy }: Pick<NewTemplate, 'id' | 'spec' | 'createdBy'>,
  version: number,
): Promise<void> => {
  await trx
    .insertInto('template_version')
    .values({ template_id: id, version, spec: JSON.stringify(spec), created_by: createdBy })
    .execute()
}
