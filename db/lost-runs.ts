import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'

/**
 * Of rows of the table: nothing was heard of them for `afterMs`, so that their run ended without a word, or was never begun. `atMost`
 * of them, locked, without those that another one has locked.
 */
export const isLostRun = (
  table: 'reconciliation' | 'provider_check',
  afterMs: number,
  atMost: number,
): RawBuilder<boolean> => sql<boolean>`id = any(array(
  select id from ${sql.table(table)}
  where ended_at is null and coalesce(started_at, requested_at) < now() - ${afterMs}::int * interval '1 millisecond'
  order by id limit ${atMost} for no key update skip locked))`
