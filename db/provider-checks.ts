import { sql } from 'kysely'
import type { AccountId, CheckId, ProviderId } from '../domain/ids.ts'
import { outcomeOf, tidyFindings } from '../domain/provider-check.ts'
import type { CheckFinding, CheckOutcome } from '../domain/provider-check.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { isLostRun } from './lost-runs.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'

/** One look at whether sessions could run at a provider, and what was found. */
export interface ProviderCheck {
  readonly id: CheckId
  readonly providerId: ProviderId
  readonly requestedBy: AccountId
  readonly requestedAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly outcome: CheckOutcome | null
  readonly findings: readonly CheckFinding[]
}

const checks = (executor: Executor) =>
  executor
    .selectFrom('provider_check')
    .select(['id', 'provider_id', 'requested_by', 'requested_at', 'started_at', 'ended_at', 'outcome', 'findings'])
type Row = Awaited<ReturnType<ReturnType<typeof checks>['executeTakeFirstOrThrow']>>

const view = (row: Row): ProviderCheck => ({
  id: row.id,
  providerId: row.provider_id,
  requestedBy: row.requested_by,
  requestedAt: row.requested_at,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  outcome: row.outcome,
  findings: row.findings,
})

/** Records that an operator wants a provider checked; the starter takes it from there. */
export async function askCheck(
  trx: Trx,
  { id, providerId, requestedBy }: Pick<ProviderCheck, 'id' | 'providerId' | 'requestedBy'>,
): Promise<void> {
  await trx.insertInto('provider_check').values({ id, provider_id: providerId, requested_by: requestedBy }).execute()
}

/** The check, if it is one of this provider. */
export async function getCheck(
  executor: Executor,
  { id, providerId }: Pick<ProviderCheck, 'id' | 'providerId'>,
): Promise<ProviderCheck | null> {
  const row = await checks(executor).where('id', '=', id).where('provider_id', '=', providerId).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** The checks of a provider, newest first. */
export async function listChecks(
  executor: Executor,
  providerId: ProviderId,
  { after, limit }: PageAsk,
): Promise<Page<ProviderCheck>> {
  const rows = await checks(executor)
    .where('provider_id', '=', providerId)
    .$if(after !== null, (q) => q.where('id', '<', after as CheckId))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, view)
}

/** Those of them that have ended. */
export async function endedChecksOf(executor: Executor, ids: readonly CheckId[]): Promise<CheckId[]> {
  const rows = await executor
    .selectFrom('provider_check')
    .select('id')
    .where('id', 'in', [...ids])
    .where('ended_at', 'is not', null)
    .execute()
  return rows.map((row) => row.id)
}

/** A check that an operator asked for and no run carries out yet. */
export type AskedCheck = Pick<ProviderCheck, 'id' | 'providerId'>

/** Takes those that are due, each for one taker; a lost try is repeated after 10 s. */
export async function claimChecks(db: Db, limit: number): Promise<AskedCheck[]> {
  const { rows } = await sql<{ id: CheckId; provider_id: ProviderId }>`
    with due as materialized (
      select id from provider_check
      where started_at is null and ended_at is null and next_try_at <= now()
      order by next_try_at limit ${limit} for no key update skip locked)
    update provider_check c set tries = tries + 1, next_try_at = now() + interval '10 seconds'
    from due where c.id = due.id returning c.id, c.provider_id
  `.execute(db)
  return rows.map((row) => ({ id: row.id, providerId: row.provider_id }))
}

/** Notes that somebody looks. Returns whether there is anything left to find out. */
export async function beginCheck(executor: Executor, id: CheckId): Promise<boolean> {
  const row = await executor
    .updateTable('provider_check')
    .set({ started_at: sql<Date>`coalesce(started_at, now())` })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Says what was found, once: whoever says it later changes nothing. */
export async function concludeCheck(executor: Executor, id: CheckId, findings: readonly CheckFinding[]): Promise<void> {
  const kept = tidyFindings(findings)
  await executor
    .updateTable('provider_check')
    .set({ ended_at: sql<Date>`now()`, outcome: outcomeOf(kept), findings: JSON.stringify(kept) })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .execute()
}

/** Ends those that nothing was heard of for so long: their run ended without a word, or was never begun. Returns how many. */
export async function failLostChecks(executor: Executor, afterMs: number, atMost: number): Promise<number> {
  const findings: readonly CheckFinding[] = [{ code: 'check_failed', level: 'missing' }]
  const failed = await sql`
    update provider_check set ended_at = now(), outcome = ${outcomeOf(findings)}, findings = ${JSON.stringify(findings)}
    where ${isLostRun('provider_check', afterMs, atMost)}`.execute(executor)
  return Number(failed.numAffectedRows)
}
