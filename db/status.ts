import { sql } from 'kysely'
import { migrations } from './migrate.ts'
import type { Executor } from './connect.ts'

export interface DependencyRow {
  readonly name: string
  readonly state: 'ok' | 'degraded' | 'down'
  readonly latencyMs: number | null
  readonly since: Date
  readonly checkedAt: Date
}

/** What the processes that use a dependency last found. */
export async function readDependencies(executor: Executor): Promise<DependencyRow[]> {
  const rows = await executor.selectFrom('dependency_status').selectAll().orderBy('name').execute()
  return rows.map((row) => ({
    name: row.name,
    state: row.state,
    latencyMs: row.latency_ms,
    since: row.since,
    checkedAt: row.checked_at,
  }))
}

/** When each role of the workers last served. */
export async function readBeats(executor: Executor): Promise<{ readonly role: string; readonly at: Date }[]> {
  return await executor.selectFrom('beat').select(['role', 'at']).orderBy('role').execute()
}

/** Whether something may act on what the rows say, as everybody may see it: without a reason. */
export interface ArmingRow {
  /** `null`: it may. */
  readonly disarmedAt: Date | null
  readonly checkedAt: Date | null
}

/** Whether the installation, and each provider's sweep, may act. */
export async function readArmings(executor: Executor): Promise<{
  readonly installation: ArmingRow
  readonly sweeps: readonly (ArmingRow & { readonly providerId: string })[]
}> {
  const { disarmed_at } = await executor.selectFrom('installation').select('disarmed_at').executeTakeFirstOrThrow()
  const sweeps = await executor.selectFrom('sweep').selectAll().orderBy('provider_id').execute()
  return {
    installation: { disarmedAt: disarmed_at, checkedAt: null },
    sweeps: sweeps.map((row) => ({
      providerId: row.provider_id,
      disarmedAt: row.disarmed_at,
      checkedAt: row.last_run_at,
    })),
  }
}

/** Whether every migration that this program knows has been applied. */
export async function isMigrated(executor: Executor): Promise<boolean> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(executor)
  const applied = new Set(rows.map((row) => row.name))
  return Object.keys(migrations).every((name) => applied.has(name))
}
