import type { ColumnType, Generated } from 'kysely'
import type { AccountId, ProviderId, ReconciliationId } from '../domain/ids.ts'
import type { DriftKind, ReconciliationOutcome, ReconciliationReport } from '../domain/reconciliation.ts'
import type { NullableJson, NullableTime, TimeDefault } from './schema-columns.ts'

/** The tables of reconciliation. */
export interface UpkeepTables {
  /** What a provider's sweep may do, and when it last ran. */
  sweep: {
    provider_id: ProviderId
    disarmed_at: NullableTime
    withheld: ColumnType<number | null, number | null | undefined, number | null>
    allowance: Generated<number>
    last_run_at: NullableTime
    last_whole_at: NullableTime
  }
  /** What the last surveys found to differ, and since when. */
  drift: {
    provider_id: ProviderId
    kind: DriftKind
    subject: string
    first_seen_at: TimeDefault
    last_seen_at: TimeDefault
    seen: Generated<number>
  }
  reconciliation: {
    id: ReconciliationId
    /** Nobody: of the gateway outside. */
    provider_id: ProviderId | null
    /** Nobody: the schedule. */
    requested_by: AccountId | null
    dry_run: boolean
    /** Objects without a row that an operator named to be removed. */
    remove_names: Generated<string[]>
    /** The run that carries it out. */
    run_id: string | null
    requested_at: TimeDefault
    next_try_at: TimeDefault
    tries: Generated<number>
    started_at: NullableTime
    ended_at: NullableTime
    outcome: ColumnType<
      ReconciliationOutcome | null,
      ReconciliationOutcome | null | undefined,
      ReconciliationOutcome | null
    >
    report: NullableJson<ReconciliationReport>
  }
}
