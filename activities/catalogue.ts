import type { CatalogueListing } from '../domain/catalogue.ts'
import { emptyListing } from '../domain/catalogue.ts'
import { defaultAccessRule } from '../domain/experiment.ts'
import type { AccessRule, WithdrawalPolicy } from '../domain/experiment.ts'
import type { SyncId } from '../domain/ids.ts'
import { usualPosixRule } from '../domain/posix.ts'
import type { PosixRule } from '../domain/posix.ts'
import type { Timings } from '../domain/timings.ts'
import { settleSync } from '../db/catalogue-settle.ts'
import { beginSync, catalogueAccounts, endSync, keepLists } from '../db/catalogue-syncs.ts'
import type { BegunSync, CatalogueAccount, ReadList } from '../db/catalogue-syncs.ts'
import type { Db } from '../db/connect.ts'
import { allRoots } from '../db/data-roots.ts'
import type { Catalogue, CatalogueRules } from '../ports/identity/catalogue/catalogue.ts'
import { alive } from './compute.ts'

/** A catalogue of the site. `issuers`: whose word counts of who has which login there. */
export interface CatalogueOfSite {
  readonly catalogue: Catalogue
  readonly issuers: readonly string[]
}

export interface CatalogueDeps {
  readonly db: Db
  readonly timings: Timings
  readonly sources: ReadonlyMap<string, CatalogueOfSite>
  readonly access?: AccessRule
  readonly withdrawn?: WithdrawalPolicy
  readonly posix?: PosixRule
}

interface SyncRunAsk {
  readonly source: string
  readonly syncId: string | null
  readonly runId: string
  readonly atMostMs: number
}

/** `after`: where the next batch begins, `null` when all are read. */
export interface CatalogueRead {
  readonly ended: boolean
  readonly after: string | null
}

/** People that one batch asks about, and so many at once. */
const peoplePerBatch = 40
const atOnce = 4
/** A catalogue that failed so often in one batch is not asked about the others. */
const mostFailures = 3

/** Catalogues are read into the books, and settled from there; no word of theirs is in a history. */
export function createCatalogueActivities({
  db,
  timings,
  sources,
  access = defaultAccessRule,
  withdrawn = 'stop',
  posix = usualPosixRule,
}: CatalogueDeps) {
  const begin = async ({ source, syncId, runId, atMostMs }: SyncRunAsk) =>
    await beginSync(db, { source, id: syncId as SyncId | null, runId, atMostMs })
  return {
    /** Notes the run and reads one batch of lists. */
    readCatalogue: async (ask: SyncRunAsk & { readonly after: string | null }): Promise<CatalogueRead> =>
      await alive(timings, async ({ signal }) => {
        const sync = await begin(ask)
        const site = sources.get(ask.source)
        if (sync.ended || site === undefined) return { ended: sync.ended, after: null }
        return await readBatch(site, sync, ask, signal)
      }),

    /** Does a part of what differs, and closes the sync when nothing is left. */
    settleCatalogue: async (ask: SyncRunAsk): Promise<{ readonly more: boolean }> =>
      await alive(timings, async () => {
        const sync = await begin(ask)
        const site = sources.get(ask.source)
        if (sync.ended) return { more: false }
        if (site !== undefined) {
          const rules = { issuers: site.issuers, access, withdrawn }
          return await settleSync(db, { id: sync.id, source: ask.source }, rules)
        }
        // It is configured no more, or not for this worker: what is known of it stays.
        await endSync(db, sync.id, 'failed', null)
        return { more: false }
      }),
  }

  async function readBatch(
    { catalogue, issuers }: CatalogueOfSite,
    sync: BegunSync,
    { source, after }: { readonly source: string; readonly after: string | null },
    signal: AbortSignal,
  ): Promise<CatalogueRead> {
    const about = { id: sync.id, source }
    const rules = { roots: await allRoots(db), posix }
    if (catalogue.extent === 'whole') {
      await keepLists(db, about, [await readOne(catalogue, null, rules, signal)])
      return { ended: false, after: null }
    }
    const people = await catalogueAccounts(db, { source, issuers, only: sync.accountId, after, limit: peoplePerBatch })
    const lists = await readEach(catalogue, people, rules, signal)
    const isGivenUp = lists.length < people.length
    // Of all those who were not asked about nobody knows either.
    await keepLists(
      db,
      about,
      isGivenUp ? [...lists, { accountId: null, listing: null, why: firstReason(lists) }] : lists,
    )
    const isLast = people.length < peoplePerBatch || isGivenUp
    return { ended: false, after: isLast ? null : (people.at(-1)?.accountId ?? null) }
  }
}

export type CatalogueActivities = ReturnType<typeof createCatalogueActivities>

const firstReason = (lists: readonly ReadList[]): string => lists.find(({ why }) => why !== null)?.why ?? ''

/** Reads of each, some at once, until the catalogue has failed too often: the others are left out. */
async function readEach(
  catalogue: Catalogue,
  people: readonly CatalogueAccount[],
  rules: CatalogueRules,
  signal: AbortSignal,
): Promise<ReadList[]> {
  const lists: ReadList[] = []
  const waiting = [...people]
  const failures = () => lists.filter(({ listing }) => listing === null).length
  const inRow = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined && failures() < mostFailures; one = waiting.shift())
      lists.push(await readPerson(catalogue, one, rules, signal))
  }
  await Promise.all(Array.from({ length: atOnce }, inRow))
  return lists
}

/** Of somebody with several logins all are read, or none. Without one nothing is his. */
async function readPerson(
  catalogue: Catalogue,
  { accountId, logins }: CatalogueAccount,
  rules: CatalogueRules,
  signal: AbortSignal,
): Promise<ReadList> {
  let listing: CatalogueListing = emptyListing
  for (const login of logins) {
    const read = await readOne(catalogue, login, rules, signal)
    if (read.listing === null) return { ...read, accountId }
    listing = {
      projects: [...listing.projects, ...read.listing.projects],
      faults: [...listing.faults, ...read.listing.faults],
      unreadable: listing.unreadable + read.listing.unreadable,
    }
  }
  return { accountId, listing, why: null }
}

async function readOne(
  catalogue: Catalogue,
  login: string | null,
  rules: CatalogueRules,
  signal: AbortSignal,
): Promise<ReadList> {
  const answer = await catalogue.list(login, rules, signal)
  return answer.kind === 'listed'
    ? { accountId: null, listing: answer.listing, why: null }
    : { accountId: null, listing: null, why: answer.why }
}
