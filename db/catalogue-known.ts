import { sql } from 'kysely'
import type { CatalogueListing, ListGap } from '../domain/catalogue.ts'
import type { KnownCatalogue, ReadListing } from '../domain/catalogue-plan.ts'
import type { SyncId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'

/** A list that could not be read. */
export interface UnreadList {
  /** `null`: everybody's, or those of all who were not asked about. */
  readonly accountId: string | null
  readonly gap: ListGap
  /** For operators. */
  readonly why: string
}

export interface ReadLists {
  readonly listings: readonly ReadListing[]
  readonly unread: readonly UnreadList[]
}

/** What a sync has read. What a later sync has brought in meanwhile is newer, and is left out; so is a list that lacks a part. */
export async function readLists(trx: Trx, id: SyncId, source: string): Promise<ReadLists> {
  type Row = { account_id: string; listing: CatalogueListing | null; gap: ListGap | null; why: string | null }
  const { rows } = await sql<Row>`
    select l.account_id, l.listing, l.gap, l.why from catalogue_listing l
    where l.sync_id = ${id} and not exists (
      select from catalogue_standing s where s.source = ${source} and s.account_id = l.account_id and s.synced_at > (
        select min(o.read_at) from catalogue_listing o where o.sync_id = l.sync_id and o.account_id = l.account_id))
    order by l.account_id, l.part`.execute(trx)
  const whose = (accountId: string) => (accountId === '' ? null : accountId)
  const unread = rows.flatMap(({ account_id, gap, why }) =>
    gap === null ? [] : [{ accountId: whose(account_id), gap, why: why ?? '' }],
  )
  const isLacking = new Set(unread.map(({ accountId }) => accountId))
  const listings = rows.flatMap(({ account_id, listing }) =>
    listing === null || isLacking.has(whose(account_id)) ? [] : [{ accountId: whose(account_id), listing }],
  )
  return { listings, unread }
}

/** What is here of the source, as far as the lists speak of it: all of it where they are of everybody. */
export async function readKnown(trx: Trx, source: string, listings: readonly ReadListing[]): Promise<KnownCatalogue> {
  const isWhole = listings.some(({ accountId }) => accountId === null)
  const accounts = listings.flatMap(({ accountId }) => (accountId === null ? [] : [accountId]))
  const said = listings.flatMap(({ listing }) => listing.projects)
  const ids = [...new Set(said.map(({ externalId }) => externalId))]
  const visits = [...new Set(said.flatMap((p) => p.experiments.map(({ externalId }) => externalId)))]
  /** Those that the lists name, and those that name them no more. */
  const isMeant = isWhole
    ? sql`p.source = ${source}`
    : sql`p.source = ${source} and (p.external_id = any(${ids})
        or p.id in (select project_id from project_member where source = ${source} and account_id = any(${accounts})))`
  const known = await sql<KnownCatalogue['projects'][number]>`
    select p.external_id as "externalId", p.name, p.description from project p where ${isMeant}`.execute(trx)
  const experiments = await sql<Omit<Stored, 'posix'> & { uid: number | null; gid: number | null }>`
    select e.external_id as "externalId", p.external_id as project, e.name, e.description, e.instrument, e.starts, e.ends,
      e.uid, e.gid, e.datasets, e.audience = 'named' as "isNamed", e.withdrawn_at is not null as "isWithdrawn"
    from experiment e join project p on p.id = e.project_id
    where e.source = ${source} and p.source = ${source} and ((${isMeant}) or e.external_id = any(${visits}))`.execute(
    trx,
  )
  const members = await sql<KnownCatalogue['members'][number]>`
    select p.external_id as project, m.account_id as "accountId", m.role, m.source is not distinct from ${source} as "isOurs",
      m.role_source is not distinct from ${source} as "isRoleOurs",
      a.disabled_at is null and a.erase_requested_at is null as "isActive"
    from project p join project_member m on m.project_id = p.id join account a on a.id = m.account_id
    where ${isMeant}`.execute(trx)
  const admitted = await sql<KnownCatalogue['admitted'][number]>`
    select p.external_id as project, e.external_id as experiment, m.account_id as "accountId"
    from experiment_member m join experiment e on e.id = m.experiment_id join project p on p.id = e.project_id
    where e.source = ${source} and m.source = ${source}
      ${isWhole ? sql`` : sql`and m.account_id = any(${accounts})`}`.execute(trx)
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
