import { sql } from 'kysely'
import type { CatalogueListing, CatalogueReport, SyncOutcome } from '../domain/catalogue.ts'
import { newId } from '../domain/ids.ts'
import type { AccountId, SyncId } from '../domain/ids.ts'
import type { Db, Executor } from './connect.ts'
import { hasOfficeLogin } from './office-logins.ts'

export interface BegunSync {
  readonly id: SyncId
  /** Whose list alone is read; `null`: everybody's. */
  readonly accountId: AccountId | null
  readonly dryRun: boolean
  readonly ended: boolean
}

/**
 * Notes which run carries a sync out; one that the schedule began gets its row now. Those whose run ended without a word are
 * closed. A repeat finds the same row.
 */
export async function beginSync(
  db: Db,
  ask: { readonly source: string; readonly id: SyncId | null; readonly runId: string; readonly atMostMs: number },
): Promise<BegunSync> {
  await sql`
    update catalogue_sync set ended_at = now(), outcome = 'failed'
    where source = ${ask.source} and ended_at is null
      and started_at < now() - ${ask.atMostMs} * interval '1 millisecond'
  `.execute(db)
  if (ask.id === null)
    await db
      .insertInto('catalogue_sync')
      .values({ id: newId('sync'), source: ask.source, run_id: ask.runId, started_at: sql<Date>`now()` })
      .onConflict((c) => c.doNothing())
      .execute()
  else
    await db
      .updateTable('catalogue_sync')
      .set({ started_at: sql<Date>`now()`, run_id: ask.runId })
      .where('id', '=', ask.id)
      .where('started_at', 'is', null)
      .execute()
  const row = await db
    .selectFrom('catalogue_sync')
    .select(['id', 'account_id', 'dry_run', 'ended_at'])
    .where((eb) => (ask.id === null ? eb('run_id', '=', ask.runId) : eb('id', '=', ask.id)))
    .executeTakeFirstOrThrow()
  return { id: row.id, accountId: row.account_id, dryRun: row.dry_run, ended: row.ended_at !== null }
}

/** An account with its logins at a catalogue; without any it belongs to nothing there any more. */
export interface CatalogueAccount {
  readonly accountId: AccountId
  readonly logins: readonly string[]
}

/** Whom a catalogue is asked about: who has a login there, as one of `issuers` says, and who has come in by it before. */
export async function catalogueAccounts(
  executor: Executor,
  {
    source,
    issuers,
    only,
    after,
    limit,
  }: {
    readonly source: string
    readonly issuers: readonly string[]
    readonly only: AccountId | null
    readonly after: string | null
    readonly limit: number
  },
): Promise<CatalogueAccount[]> {
  const { rows } = await sql<{ account_id: AccountId; logins: string[] }>`
    select a.id as account_id, array(select distinct i.claims ->> 'login' from identity i
      where i.account_id = a.id and ${hasOfficeLogin(issuers)}) as logins
    from account a
    where a.disabled_at is null and a.erase_requested_at is null
      and (${only}::text is null or a.id = ${only}) and (${after}::text is null or a.id > ${after})
      and (exists (select from identity i where i.account_id = a.id and ${hasOfficeLogin(issuers)})
        or exists (select from project_member m where m.account_id = a.id and m.source = ${source}))
    order by a.id limit ${limit}`.execute(executor)
  return rows.map((row) => ({ accountId: row.account_id, logins: row.logins }))
}

/** What was read, of an account or of everybody (`null`); or why nothing was. A repeat writes it anew. */
export interface ReadList {
  readonly accountId: AccountId | null
  readonly listing: CatalogueListing | null
  readonly why: string | null
}

/** Keeps what was read until the sync has ended. What could not be read is stale from now on. */
export async function keepLists(
  db: Db,
  { id, source }: { readonly id: SyncId; readonly source: string },
  lists: readonly ReadList[],
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const { accountId, listing, why } of lists) {
      const read = { listing: listing === null ? null : JSON.stringify(listing), why: listing === null ? why : null }
      await trx
        .insertInto('catalogue_listing')
        .values({ sync_id: id, account_id: accountId ?? '', ...read })
        .onConflict((c) => c.columns(['sync_id', 'account_id']).doUpdateSet({ ...read, read_at: sql<Date>`now()` }))
        .execute()
      if (listing !== null) continue
      await trx
        .insertInto('catalogue_standing')
        .values({ source, account_id: accountId ?? '', stale_since: sql<Date>`now()` })
        .onConflict((c) =>
          c.columns(['source', 'account_id']).doUpdateSet({
            stale_since: sql<Date>`coalesce(catalogue_standing.stale_since, now())`,
          }),
        )
        .execute()
    }
  })
}

/** Closes a sync with what it came to, and forgets what it read. Repeats change nothing. */
export async function endSync(
  executor: Executor,
  id: SyncId,
  outcome: SyncOutcome,
  report: CatalogueReport | null,
): Promise<void> {
  await executor
    .updateTable('catalogue_sync')
    .set({ ended_at: sql<Date>`now()`, outcome })
    .$if(report !== null, (q) => q.set({ report: JSON.stringify(report) }))
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .execute()
  await executor.deleteFrom('catalogue_listing').where('sync_id', '=', id).execute()
}
