import { sql } from 'kysely'
import type { Payer } from '../domain/admission.ts'
import { withDefaults } from '../domain/resources.ts'
import type { Limits, Resources } from '../domain/resources.ts'
import { heldBy } from './admission.ts'
import type { Executor, Trx } from './connect.ts'
import { resourceColumns, resourcesOf } from './resource-columns.ts'

/** A payer's quota as it is read: what is set (`null`: the default), the site's defaults, what holds, and what is held. */
export interface Quota {
  readonly payer: Payer
  readonly limits: Limits
  readonly defaults: Limits
  readonly effective: Limits
  readonly held: Resources
  readonly version: number
}

/** Makes the payer's quota row, all defaults. Admission fails closed without it, so it is made with its owner. */
export async function openBooks(trx: Trx, payer: Payer): Promise<void> {
  await trx
    .insertInto('quota')
    .values({ payer_kind: payer.kind, payer_id: payer.id })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function readQuota(executor: Executor, payer: Payer): Promise<Quota | null> {
  const set = await executor
    .selectFrom('quota')
    .selectAll()
    .where('payer_kind', '=', payer.kind)
    .where('payer_id', '=', payer.id)
    .executeTakeFirst()
  if (set === undefined) return null
  const fallback = await executor
    .selectFrom('quota_default')
    .selectAll()
    .where('payer_kind', '=', payer.kind)
    .executeTakeFirstOrThrow()
  const limits = resourcesOf<number | null>(set)
  const defaults = resourcesOf<number | null>(fallback)
  const effective = withDefaults(limits, defaults)
  return { payer, limits, defaults, effective, held: await heldBy(executor, payer), version: set.version }
}

/** Sets a payer's limits if its quota is still at one of these versions (`null`: whatever it is). What is held stays held. */
export async function setQuota(
  trx: Trx,
  payer: Payer,
  limits: Limits,
  versions: readonly number[] | null,
): Promise<'set' | 'absent' | 'changed'> {
  const row = await trx
    .selectFrom('quota')
    .select('version')
    .where('payer_kind', '=', payer.kind)
    .where('payer_id', '=', payer.id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (row === undefined) return 'absent'
  if (versions !== null && !versions.includes(row.version)) return 'changed'
  await trx
    .updateTable('quota')
    .set({ ...resourceColumns(limits), version: sql<number>`version + 1` })
    .where('payer_kind', '=', payer.kind)
    .where('payer_id', '=', payer.id)
    .execute()
  return 'set'
}
