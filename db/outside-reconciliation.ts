import { sql } from 'kysely'
import type { ReconciliationId } from '../domain/ids.ts'
import type { ReconciliationOutcome, ReconciliationReport } from '../domain/reconciliation.ts'
import type { Db } from './connect.ts'

/** A reconciliation of the gateway outside that an operator asked for and that has not ended. */
export interface AskedOutside {
  readonly id: ReconciliationId
  readonly dryRun: boolean
}

/** All of them, the oldest first, each noted as begun: one that was left by who watched before is begun again. */
export async function beginOutside(db: Db): Promise<readonly AskedOutside[]> {
  const open = await db
    .selectFrom('reconciliation')
    .select(['id', 'dry_run', 'started_at'])
    .where('provider_id', 'is', null)
    .where('ended_at', 'is', null)
    .orderBy('id')
    .limit(10)
    .execute()
  const fresh = open.filter(({ started_at }) => started_at === null).map(({ id }) => id)
  if (fresh.length > 0)
    await sql`update reconciliation set started_at = now() where id = any(${fresh}::text[]) and started_at is null`.execute(
      db,
    )
  return open.map((row) => ({ id: row.id, dryRun: row.dry_run }))
}

/** Says how it went. Repeats change nothing. `report`: `null` where nothing was seen. */
export async function concludeOutside(
  db: Db,
  id: ReconciliationId,
  outcome: ReconciliationOutcome,
  report: ReconciliationReport | null,
): Promise<void> {
  await db
    .updateTable('reconciliation')
    .set({ ended_at: sql<Date>`now()`, outcome, report: report === null ? null : JSON.stringify(report) })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .execute()
}
