import { sql } from 'kysely'
import type { AccountId, ProviderId, ReconciliationId } from '../domain/ids.ts'
import type { ReconciliationOutcome, ReconciliationReport } from '../domain/reconciliation.ts'
import type { Executor, Trx } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'

/** One comparison of a provider, or of the gateway outside, with the rows, asked for or scheduled, and what came of it. */
export interface Reconciliation {
  readonly id: ReconciliationId
  /** `null`: the gateway outside. */
  readonly providerId: ProviderId | null
  /** `null`: the schedule. */
  readonly requestedBy: AccountId | null
  readonly dryRun: boolean
  readonly removeNames: readonly string[]
  readonly requestedAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly outcome: ReconciliationOutcome | null
  readonly report: ReconciliationReport | null
}

const reconciliations = (executor: Executor) =>
  executor
    .selectFrom('reconciliation')
    .select(['id', 'provider_id', 'requested_by', 'dry_run', 'remove_names'])
    .select(['requested_at', 'started_at', 'ended_at', 'outcome', 'report'])
type Row = Awaited<ReturnType<ReturnType<typeof reconciliations>['executeTakeFirstOrThrow']>>

const view = (row: Row): Reconciliation => ({
  id: row.id,
  providerId: row.provider_id,
  requestedBy: row.requested_by,
  dryRun: row.dry_run,
  removeNames: row.remove_names,
  requestedAt: row.requested_at,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  outcome: row.outcome,
  report: row.report,
})

/** Records that an operator wants a reconciliation; the starter takes it from there, or whoever watches the gateway outside. */
export async function askReconciliation(
  trx: Trx,
  ask: Pick<Reconciliation, 'id' | 'providerId' | 'dryRun' | 'removeNames'> & { readonly requestedBy: AccountId },
): Promise<void> {
  await trx
    .insertInto('reconciliation')
    .values({
      id: ask.id,
      provider_id: ask.providerId,
      requested_by: ask.requestedBy,
      dry_run: ask.dryRun,
      remove_names: [...ask.removeNames],
    })
    .execute()
}

export async function getReconciliation(executor: Executor, id: ReconciliationId): Promise<Reconciliation | null> {
  const row = await reconciliations(executor).where('id', '=', id).executeTakeFirst()
  return row === undefined ? null : view(row)
}

export interface ReconciliationFilter {
  readonly providerId: ProviderId | null
  readonly outcome: ReconciliationOutcome | null
}

/** Reconciliations, newest first. */
export async function listReconciliations(
  executor: Executor,
  { providerId, outcome }: ReconciliationFilter,
  { after, limit }: PageAsk,
): Promise<Page<Reconciliation>> {
  const rows = await reconciliations(executor)
    .$if(providerId !== null, (q) => q.where('provider_id', '=', providerId as ProviderId))
    .$if(outcome !== null, (q) => q.where('outcome', '=', outcome as ReconciliationOutcome))
    .$if(after !== null, (q) => q.where('id', '<', after as ReconciliationId))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, view)
}

/** Those of them that have ended. */
export async function endedOf(executor: Executor, ids: readonly ReconciliationId[]): Promise<ReconciliationId[]> {
  const rows = await executor
    .selectFrom('reconciliation')
    .select('id')
    .where('id', 'in', [...ids])
    .where('ended_at', 'is not', null)
    .execute()
  return rows.map((row) => row.id)
}

/**
 * An operator has looked at what a provider's sweep withheld: it may remove and end as many as that, once, and goes on as usual.
 * `already`: it was not disarmed.
 */
export async function armSweep(trx: Trx, providerId: ProviderId): Promise<'armed' | 'already'> {
  const changed = await trx
    .updateTable('sweep')
    .set({ disarmed_at: null, allowance: sql<number>`withheld`, withheld: null })
    .where('provider_id', '=', providerId)
    .where('disarmed_at', 'is not', null)
    .executeTakeFirst()
  return changed.numUpdatedRows > 0n ? 'armed' : 'already'
}
