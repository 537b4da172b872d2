import { sql } from 'kysely'
import type { CatalogueListing, CatalogueReport, ListGap, SyncOutcome } from '../domain/catalogue.ts'
import { newId } from '../domain/ids.ts'
import type { AccountId, SyncId } from '../domain/ids.ts'
import type { Db, Executor } from './connect.ts'
import { readArming } from './epoch.ts'
import { hasOfficeLogin } from './office-logins.ts'

export interface BegunSync {
  readonly id: SyncId
  /** Whose list alone is read; `null`: everybody's. */
  readonly accountId: AccountId | null
  readonly ended: boolean
}

/**
 * Notes which run carries a sync out, and that it does; one that the schedule began gets its row now. Those that no run has carried
 * on for longer than one may last are closed. A repeat finds the same row. While the installation is disarmed it may be a copy: it
 * asks nobody, and brings nothing in.
 */
export async function beginSync(
  db: Db,
  ask: { readonly source: string; readonly id: SyncId | null; readonly runId: string; readonly atMostMs: number },
): Promise<BegunSync> {
  await sql`
    update catalogue_sync set ended_at = now(), outcome = 'failed'
    where source = ${ask.source} and ended_at is null
      and coalesce(seen_at, started_at) < now() - ${ask.atMostMs} * interval '1 millisecond'
  `.execute(db)
  if (ask.id === null)
    await db
      .insertInto('catalogue_sync')
      .values({ id: newId('sync'), source: ask.source, run_id: ask.runId, started_at: sql<Date>`now()` })
      .onConflict((c) => c.doNothing())
      .execute()
  const isThis = ask.id === null ? sql<boolean>`run_id = ${ask.runId}` : sql<boolean>`id = ${ask.id}`
  await db
    .updateTable('catalogue_sync')
    .set({
      started_at: sql<Date>`coalesce(started_at, now())`,
      run_id: sql<string>`coalesce(run_id, ${ask.runId})`,
      seen_at: sql<Date>`now()`,
    })
    .where(isThis)
    .where('ended_at', 'is', null)
    .execute()
  const row = await db
    .selectFrom('catalogue_sync')
    .select(['id', 'account_id', 'ended_at'])
    .where(isThis)
    .executeTakeFirstOrThrow()
  const isDisarmed = row.ended_at === null && (await readArming(db)).disarmed !== null
  if (isDisarmed) await endSync(db, row.id, 'disarmed', null)
  return { id: row.id, accountId: row.account_id, ended: isDisarmed || row.ended_at !== null }
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
export type ReadList = { readonly accountId: AccountId | null } & (
  | {
      readonly listing: CatalogueListing
      /** Of a list that comes in parts, from 0. */
      readonly part: number
      /** Where the next part begins; `null`: this is the last. */
      readonly next: string | null
    }
  | { readonly gap: ListGap; readonly why: string }
)

/** Keeps what was read until the sync has ended. What could not be read is stale from now on. */
export async function keepLists(
  db: Db,
  { id, source }: { readonly id: SyncId; readonly source: string },
  lists: readonly ReadList[],
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const { accountId, ...read } of lists) {
      const isRead = 'listing' in read
      const said = isRead
        ? { listing: JSON.stringify(read.listing), next: read.next, gap: null, why: null }
        : { listing: null, next: null, gap: read.gap, why: read.why }
      await trx
        .insertInto('catalogue_listing')
        .values({ sync_id: id, account_id: accountId ?? '', part: isRead ? read.part : 0, ...said })
        .onConflict((c) =>
          c.columns(['sync_id', 'account_id', 'part']).doUpdateSet({ ...said, read_at: sql<Date>`now()` }),
        )
        .execute()
      if (isRead) continue
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

/** Where the part of everybody's list begins; `null`: at its beginning, or there is no such part. */
export async function whereBegins(db: Db, id: SyncId, part: number): Promise<string | null> {
  const row = await db
    .selectFrom('catalogue_listing')
    .select('next')
    .where('sync_id', '=', id)
    .where('account_id', '=', '')
    .where('part', '=', part - 1)
    .executeTakeFirst()
  return row?.next ?? null
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
