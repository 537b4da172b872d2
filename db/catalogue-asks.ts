import { sql } from 'kysely'
import type { CatalogueReport, Extent, SyncOutcome } from '../domain/catalogue.ts'
import { newId } from '../domain/ids.ts'
import type { AccountId, SyncId } from '../domain/ids.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'

/** One look at a catalogue, asked for or scheduled, and what came of it. */
export interface CatalogueSync {
  readonly id: SyncId
  readonly source: string
  /** Whose list alone is read; `null`: everybody's. */
  readonly accountId: AccountId | null
  /** `null`: the schedule, or a sign-in. */
  readonly requestedBy: AccountId | null
  readonly dryRun: boolean
  /** How many withdrawals an operator allows beyond the usual. */
  readonly allowWithdrawals: number
  readonly requestedAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly outcome: SyncOutcome | null
  readonly report: CatalogueReport | null
  /** When a run last carried it on; with the two below it tells how far it has come. */
  readonly seenAt: Date | null
  /** Lists, or parts of the one list, that are read and not forgotten yet: they are once it has ended. */
  readonly lists: number
  readonly changed: number
}

const syncs = (executor: Executor) =>
  executor
    .selectFrom('catalogue_sync')
    .select(['id', 'source', 'account_id', 'requested_by', 'dry_run', 'allow_withdrawals'])
    .select(['requested_at', 'started_at', 'ended_at', 'outcome', 'report', 'seen_at', 'changed'])
    .select(
      sql<number>`(select count(*)::int from catalogue_listing l where l.sync_id = catalogue_sync.id)`.as('lists'),
    )
type Row = Awaited<ReturnType<ReturnType<typeof syncs>['executeTakeFirstOrThrow']>>

const view = (row: Row): CatalogueSync => ({
  id: row.id,
  source: row.source,
  accountId: row.account_id,
  requestedBy: row.requested_by,
  dryRun: row.dry_run,
  allowWithdrawals: row.allow_withdrawals,
  requestedAt: row.requested_at,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  outcome: row.outcome,
  report: row.report,
  seenAt: row.seen_at,
  lists: row.lists,
  changed: row.changed,
})

export type SyncAsk = Pick<CatalogueSync, 'id' | 'source' | 'accountId' | 'requestedBy' | 'dryRun' | 'allowWithdrawals'>

/** Records that a sync is wanted; the starter takes it from there. */
export async function askSync(trx: Trx, ask: SyncAsk): Promise<void> {
  await trx
    .insertInto('catalogue_sync')
    .values({
      id: ask.id,
      source: ask.source,
      account_id: ask.accountId,
      requested_by: ask.requestedBy,
      dry_run: ask.dryRun,
      allow_withdrawals: ask.allowWithdrawals,
    })
    .execute()
}

/** So long what a sign-in would ask for is as good as new. */
const freshSeconds = 60

/**
 * Has the catalogues asked about somebody who signs in: those that are asked person by person, unless that was done just now; of
 * whom more is known than then (`anew`), whenever it was.
 */
export async function askSyncsAtSignIn(
  trx: Trx,
  accountId: AccountId,
  catalogues: readonly { readonly id: string; readonly extent: Extent }[],
  { anew = false } = {},
): Promise<void> {
  for (const { id: source } of catalogues.filter(({ extent }) => extent === 'person')) {
    const nobodys = { requestedBy: null, dryRun: false, allowWithdrawals: 0 }
    if (anew || !(await isFresh(trx, accountId, source)))
      await askSync(trx, { id: newId('sync'), source, accountId, ...nobodys })
  }
}

async function isFresh(trx: Trx, accountId: AccountId, source: string): Promise<boolean> {
  const recent = await trx
    .selectFrom('catalogue_sync')
    .select('id')
    .where('account_id', '=', accountId)
    .where('source', '=', source)
    .where('requested_at', '>', sql<Date>`now() - ${freshSeconds}::int * interval '1 second'`)
    .executeTakeFirst()
  return recent !== undefined
}

export async function getSync(executor: Executor, id: SyncId): Promise<CatalogueSync | null> {
  const row = await syncs(executor).where('id', '=', id).executeTakeFirst()
  return row === undefined ? null : view(row)
}

export interface SyncFilter {
  readonly source: string | null
  readonly outcome: SyncOutcome | null
}

/** Syncs, newest first. */
export async function listSyncs(
  executor: Executor,
  { source, outcome }: SyncFilter,
  { after, limit }: PageAsk,
): Promise<Page<CatalogueSync>> {
  const rows = await syncs(executor)
    .$if(source !== null, (q) => q.where('source', '=', source ?? ''))
    .$if(outcome !== null, (q) => q.where('outcome', '=', outcome as SyncOutcome))
    .$if(after !== null, (q) => q.where('id', '<', after as SyncId))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, view)
}

/** A sync that was asked for and no run carries out yet. */
export interface AskedSync {
  readonly id: SyncId
  readonly source: string
}

/** Takes those that are due, each for one taker; a lost try is repeated after 10 s. */
export async function claimSyncs(db: Db, limit: number): Promise<AskedSync[]> {
  const { rows } = await sql<AskedSync>`
    with due as materialized (
      select id from catalogue_sync
      where started_at is null and ended_at is null and next_try_at <= now()
      order by next_try_at limit ${limit} for no key update skip locked)
    update catalogue_sync s set tries = tries + 1, next_try_at = now() + interval '10 seconds'
    from due where s.id = due.id returning s.id, s.source
  `.execute(db)
  return rows
}
