import { sql } from 'kysely'
import type { CatalogueListing } from '../domain/catalogue.ts'
import type { KnownCatalogue, ReadListing } from '../domain/catalogue-plan.ts'
import type { SyncId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'

/** What a sync has read. `unread`: lists that could not be; `why`: the first of the reasons. */
export interface ReadLists {
  readonly listings: readonly ReadListing[]
  readonly unread: number
  readonly why: string | null
}

/** The lists of a sync. What a later sync has brought in meanwhile is newer, and is left out. */
export async function readLists(trx: Trx, id: SyncId, source: string): Promise<ReadLists> {
  const { rows } = await sql<{ account_id: string; listing: CatalogueListing | null; why: string | null }>`
    select l.account_id, l.listing, l.why from catalogue_listing l
    left join catalogue_standing s on s.source = ${source} and s.account_id = l.account_id
    where l.sync_id = ${id} and (s.synced_at is null or s.synced_at <= l.read_at)
    order by l.account_id`.execute(trx)
  return {
    listings: rows.flatMap(({ account_id, listing }) =>
      listing === null ? [] : [{ accountId: account_id === '' ? null : account_id, listing }],
    ),
    unread: rows.filter(({ listing }) => listing === null).length,
    why: rows.find(({ why }) => why !== null)?.why ?? null,
  }
}

/** What is here of the source, as far as the lists speak of it: all of it where one is of everybody. */
export async function readKnown(trx: Trx, source: string, listings: readonly ReadListing[]): Promise<KnownCatalogue> {
  const isWhole = listings.some(({ accountId }) => accountId === null)
  const accounts = listings.flatMap(({ accountId }) => (accountId === null ? [] : [accountId]))
  const projects = listings.flatMap(({ listing }) => listing.projects)
  const ids = [...new Set(projects.map(({ externalId }) => externalId))]
  const visits = [...new Set(projects.flatMap((p) => p.experiments.map(({ externalId }) => externalId)))]
  const ofAccounts = isWhole ? sql`true` : sql`m.account_id = any(${accounts})`
  const known = await sql<KnownCatalogue['projects'][number]>`
    select external_id as "externalId", name, description from project
    where source = ${source} ${isWhole ? sql`` : sql`and external_id = any(${ids})`}`.execute(trx)
  const experiments = await sql<Omit<Stored, 'posix'> & { uid: number | null; gid: number | null }>`
    select e.external_id as "externalId", p.external_id as project, e.name, e.description, e.instrument, e.starts, e.ends,
      e.uid, e.gid, e.datasets, e.audience = 'named' as "isNamed", e.withdrawn_at is not null as "isWithdrawn"
    from experiment e join project p on p.id = e.project_id
    where e.source = ${source} and p.source = ${source}
      ${isWhole ? sql`` : sql`and (p.external_id = any(${ids}) or e.external_id = any(${visits}))`}`.execute(trx)
  const members = await sql<KnownCatalogue['members'][number]>`
    select p.external_id as project, m.account_id as "accountId", m.role, m.source is not distinct from ${source} as "isOurs"
    from project p join project_member m on m.project_id = p.id
    where p.source = ${source} and ${ofAccounts}`.execute(trx)
  const admitted = await sql<KnownCatalogue['admitted'][number]>`
    select p.external_id as project, e.external_id as experiment, m.account_id as "accountId"
    from experiment_member m join experiment e on e.id = m.experiment_id join project p on p.id = e.project_id
    where e.source = ${source} and m.source = ${source} and ${ofAccounts}`.execute(trx)
  return {
    projects: known.rows,
    experiments: experiments.rows.map(({ uid, gid, ...rest }) => ({
      ...rest,
      posix: uid === null || gid === null ? null : { uid, gid },
    })),
    members: members.rows,
    admitted: admitted.rows,
  }
}

type Stored = KnownCatalogue['experiments'][number]
