import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Db } from '../../db/connect.ts'

/** Waits until at least `n` statements in the database of `db` wait for a lock: so a test forces who comes second. */
export async function untilBlocked(db: Db, n = 1): Promise<void> {
  await expect
    .poll(
      async () => {
        const { rows } = await sql<{ waiting: number }>`
          select count(*)::int as waiting from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
        return rows[0]?.waiting
      },
      { timeout: 12_000, interval: 5 },
    )
    .toBeGreaterThanOrEqual(n)
}

/** Runs `first` in a transaction that is held open until something else waits for its locks, then commits. */
export async function holding<T>(
  db: Db,
  first: (trx: Parameters<Parameters<ReturnType<Db['transaction']>['execute']>[0]>[0]) => Promise<unknown>,
  second: () => Promise<T>,
): Promise<T> {
  const [, result] = await db.transaction().execute(async (trx) => {
    await first(trx)
    const waiting = second()
    waiting.catch(() => {})
    await untilBlocked(db)
    return [null, waiting] as const
  })
  return await result
}
