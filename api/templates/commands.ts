import type { Db, Trx } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { addVersion, deactivateTemplate, getTemplate, insertTemplate, lockTemplate } from '../../db/templates.ts'
import type { Template } from '../../db/templates.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, TemplateId } from '../../domain/ids.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import { change, createOnce } from '../changes.ts'
import type { Deed } from '../env.ts'
import { notFound, Problem } from '../problem.ts'
import { changedMeanwhile } from '../versions.ts'

/** Makes a template at version 1. Throws 409 where the name is taken. */
export async function addTemplate(
  db: Db,
  deed: Deed,
  intent: IntentKey,
  asked: { readonly name: string; readonly spec: TemplateSpec; readonly createdBy: AccountId },
): Promise<Template> {
  const id = newId('template')
  const made = await createOnce(db, deed, intent, { kind: 'template', id }, async () => async (trx) => {
    const outcome = await insertTemplate(trx, { id, origin: 'api', ...asked })
    if (outcome === 'name_taken')
      throw new Problem('name_taken', 'Another template has this name.', {
        errors: [{ in: 'body', pointer: '/name', message: 'This name is taken.' }],
      })
  })
  return await readTemplate(db, made.id)
}

/** The template, for who may see it all. Throws 404. */
export async function readTemplate(db: Db, id: TemplateId): Promise<Template> {
  const template = await getTemplate(db, id, null)
  if (template === null) throw notFound('template')
  return template
}

/** Gives the template a new version, which new sessions start from. Throws 412 if it changed since it was read. */
export async function replaceSpec(
  db: Db,
  deed: Deed,
  id: TemplateId,
  spec: TemplateSpec,
  by: { readonly accountId: AccountId; readonly versions: readonly number[] | null },
): Promise<Template> {
  return await change(db, deed, { kind: 'template', id }, async (trx) => {
    const template = await writable(trx, id)
    if (by.versions !== null && !by.versions.includes(template.revision)) throw changedMeanwhile()
    await addVersion(trx, template, spec, by.accountId)
    return await current(trx, id)
  })
}

/** Lets no new session start from it; those that run keep running. Repeats change nothing. */
export async function deactivate(db: Db, deed: Deed, id: TemplateId): Promise<Template> {
  return await change(db, deed, { kind: 'template', id }, async (trx) => {
    await writable(trx, id)
    await deactivateTemplate(trx, id)
    return await current(trx, id)
  })
}

async function writable(trx: Trx, id: TemplateId): Promise<Template> {
  const template = await lockTemplate(trx, id)
  if (template === null) throw notFound('template')
  if (template.origin === 'configuration')
    throw new Problem('conflict', "This template comes from the site's configuration and is changed there.")
  return template
}

async function current(trx: Trx, id: TemplateId): Promise<Template> {
  const template = await getTemplate(trx, id, null)
  if (template === null) throw notFound('template')
  return template
}
