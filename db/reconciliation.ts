import { sql } from 'kysely'
import { newId } from '../domain/ids.ts'
import type { ProviderId, ReconciliationId } from '../domain/ids.ts'
import type { Action, Plan, ReconciliationOutcome, ReconciliationReport } from '../domain/reconciliation.ts'
import type { Db, Executor } from './connect.ts'

/** A reconciliation of a provider that an operator asked for and no run carries out yet. */
export interface AskedReconciliation {
  readonly id: ReconciliationId
  readonly providerId: ProviderId
}

/** Takes those that are due, each for one taker; a lost try is repeated after 10 s. */
export async function claimReconciliations(db: Db, limit: number): Promise<AskedReconciliation[]> {
  const { rows } = await sql<{ id: ReconciliationId; provider_id: ProviderId }>`
    with due as materialized (
      select id from reconciliation
      where started_at is null and ended_at is null and next_try_at <= now() and provider_id is not null
      order by next_try_at limit ${limit} for no key update skip locked)
    update reconciliation r set tries = tries + 1, next_try_at = now() + interval '10 seconds'
    from due where r.id = due.id returning r.id, r.provider_id
  `.execute(db)
  return rows.map((row) => ({ id: row.id, providerId: row.provider_id }))
}

export interface BegunReconciliation {
  readonly id: ReconciliationId
  readonly dryRun: boolean
  readonly removeNames: readonly string[]
  /** An earlier run has carried it out. */
  readonly ended: boolean
}

/**
 * Notes which run carries a reconciliation out; one that the schedule began gets its row now. Those whose run ended without a
 * word are closed. A repeat finds the same row.
 */
export async function beginReconciliation(
  db: Db,
  ask: {
    readonly providerId: ProviderId
    readonly id: ReconciliationId | null
    readonly runId: string
    /** Longer than this no run lasts. */
    readonly atMostMs: number
  },
): Promise<BegunReconciliation> {
  await sql`
    update reconciliation set ended_at = now(), outcome = 'failed'
    where provider_id = ${ask.providerId} and ended_at is null
      and started_at < now() - ${ask.atMostMs} * interval '1 millisecond'
  `.execute(db)
  if (ask.id === null) {
    await db
      .insertInto('reconciliation')
      .values({
        id: newId('reconciliation'),
        provider_id: ask.providerId,
        requested_by: null,
        dry_run: false,
        run_id: ask.runId,
        started_at: sql<Date>`now()`,
      })
      .onConflict((c) => c.doNothing())
      .execute()
  } else {
    await db
      .updateTable('reconciliation')
      .set({ started_at: sql<Date>`now()`, run_id: ask.runId })
      .where('id', '=', ask.id)
      .where('started_at', 'is', null)
      .execute()
  }
  const row = await db
    .selectFrom('reconciliation')
    .select(['id', 'dry_run', 'remove_names', 'ended_at'])
    .where((eb) => (ask.id === null ? eb('run_id', '=', ask.runId) : eb('id', '=', ask.id)))
    .executeTakeFirstOrThrow()
  return { id: row.id, dryRun: row.dry_run, removeNames: row.remove_names, ended: row.ended_at !== null }
}

/** What the provider's sweep may do now. */
export interface SweepRights {
  readonly installationArmed: boolean
  readonly sweepArmed: boolean
  readonly allowance: number
}

export async function readSweepRights(executor: Executor, providerId: ProviderId): Promise<SweepRights> {
  const { rows } = await sql<{ installation_armed: boolean; sweep_armed: boolean; allowance: number }>`
    select (select disarmed_at is null from installation) as installation_armed,
      coalesce(s.disarmed_at is null, true) as sweep_armed, coalesce(s.allowance, 0) as allowance
    from (select ${providerId}::text as id) p left join sweep s on s.provider_id = p.id
  `.execute(executor)
  const row = rows[0]
  if (row === undefined) throw new Error('A select of one row has one.')
  return { installationArmed: row.installation_armed, sweepArmed: row.sweep_armed, allowance: row.allowance }
}

/** What an earlier attempt of the same reconciliation has planned; `null` where there is none. */
export async function readPlan(executor: Executor, id: ReconciliationId): Promise<Plan | null> {
  const row = await executor.selectFrom('reconciliation').select('report').where('id', '=', id).executeTakeFirst()
  const report = row?.report ?? null
  // Whoever plans for a provider has written it.
  return report === null ? null : { actions: report.actions as readonly Action[], withheld: report.withheld }
}

/**
 * Keeps what a survey found and plans. A plan that is withheld disarms the provider's sweep until an operator arms it again,
 * unless somebody has done that since the rights were read. What was granted is used up by removals and endings, and by having
 * nothing left to remove or end.
 */
export async function recordPlan(
  db: Db,
  plan: {
    readonly id: ReconciliationId
    readonly providerId: ProviderId
    readonly dryRun: boolean
    readonly rights: SweepRights
  },
  report: ReconciliationReport,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx
      .updateTable('reconciliation')
      .set({ report: JSON.stringify(report) })
      .where('id', '=', plan.id)
      .where('ended_at', 'is', null)
      .execute()
    if (plan.dryRun) return
    const { withheld } = report
    const spent = report.actions.filter(({ do: deed }) => deed === 'removeInstance' || deed === 'lookAgain').length
    await sql`
      insert into sweep (provider_id, last_whole_at) values (${plan.providerId}, now())
      on conflict (provider_id) do update set last_whole_at = now()
    `.execute(trx)
    if (withheld === null) {
      await sql`
        update sweep set allowance = case when ${spent}::int = 0 then 0 else greatest(0, allowance - ${spent}::int) end
        where provider_id = ${plan.providerId} and allowance > 0`.execute(trx)
    } else {
      await sql`
        update sweep set withheld = ${withheld}::int, disarmed_at = coalesce(disarmed_at, now())
        where provider_id = ${plan.providerId} and (${plan.rights.sweepArmed} or disarmed_at is not null)`.execute(trx)
    }
  })
}

/** Says how it went. Repeats change nothing. */
export async function concludeReconciliation(
  db: Db,
  { id, providerId }: { readonly id: ReconciliationId; readonly providerId: ProviderId },
  outcome: ReconciliationOutcome,
  failed: readonly Action[],
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`
      update reconciliation set ended_at = now(), outcome = ${outcome},
        report = case when report is null then null else report || ${JSON.stringify({ failed })}::jsonb end
      where id = ${id} and ended_at is null
    `.execute(trx)
    await sql`
      insert into sweep (provider_id, last_run_at) values (${providerId}, now())
      on conflict (provider_id) do update set last_run_at = now()
    `.execute(trx)
  })
}
