import type { CatalogueListing, ListGap } from '../domain/catalogue.ts'
import { emptyListing } from '../domain/catalogue.ts'
import { defaultAccessRule } from '../domain/experiment.ts'
import type { AccessRule, WithdrawalPolicy } from '../domain/experiment.ts'
import type { SyncId } from '../domain/ids.ts'
import { usualPosixRule } from '../domain/posix.ts'
import type { PosixRule } from '../domain/posix.ts'
import type { Timings } from '../domain/timings.ts'
import { settleSync } from '../db/catalogue-settle.ts'
import { beginSync, catalogueAccounts, endSync, keepLists, whereBegins } from '../db/catalogue-syncs.ts'
import type { BegunSync, CatalogueAccount, ReadList } from '../db/catalogue-syncs.ts'
import type { Db } from '../db/connect.ts'
import { allRoots } from '../db/data-roots.ts'
import type { Catalogue, CatalogueAsk, CatalogueRules } from '../ports/identity/catalogue/catalogue.ts'
import { alive } from './alive.ts'

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
  /** How often everybody's lists are read. */
  readonly everyMs?: number
  /** How many changes one transaction makes. */
  readonly changesPerBatch?: number
}

interface SyncRunAsk {
  readonly source: string
  readonly syncId: string | null
  readonly runId: string
  /** How long a run may last: one that was not carried on for longer is dead, and a part of one takes a fraction of it. */
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
/** A catalogue that failed so often in a row is not asked about the others. */
const mostFailures = 3
/** Of the time of a run: after this much a batch begins nobody's list, and so much one of them may take. */
const batchShare = 8
const listShare = 4
const usualEveryMs = 3_600_000

/** Catalogues are read into the books, and settled from there; no word of theirs is in a history. */
export function createCatalogueActivities({
  db,
  timings,
  sources,
  access = defaultAccessRule,
  withdrawn = 'stop',
  posix = usualPosixRule,
  everyMs = usualEveryMs,
  changesPerBatch,
}: CatalogueDeps) {
  const begin = async ({ source, syncId, runId, atMostMs }: SyncRunAsk) =>
    await beginSync(db, { source, id: syncId as SyncId | null, runId, atMostMs })
  return {
    /** Notes the run and reads one batch of lists, or a part of the one list. */
    readCatalogue: async (ask: SyncRunAsk & { readonly after: string | null }): Promise<CatalogueRead> =>
      await alive(timings, async ({ signal }) => {
        const sync = await begin(ask)
        const site = sources.get(ask.source)
        if (sync.ended || site === undefined) return { ended: sync.ended, after: null }
        return { ended: false, after: await readBatch(site, sync, ask, signal) }
      }),

    /** Does a part of what differs, and closes the sync when nothing is left. */
    settleCatalogue: async (ask: SyncRunAsk): Promise<{ readonly more: boolean }> =>
      await alive(timings, async () => {
        const sync = await begin(ask)
        const site = sources.get(ask.source)
        if (sync.ended) return { more: false }
        if (site !== undefined) {
          const bounds = changesPerBatch === undefined ? {} : { changesPerBatch }
          const rules = { issuers: site.issuers, access, withdrawn, everyMs, ...bounds }
          return await settleSync(db, { id: sync.id, source: ask.source }, rules)
        }
        // It is configured no more, or not for this worker: what is known of it stays.
        await endSync(db, sync.id, 'failed', null)
        return { more: false }
      }),
  }

  /** Returns where the next batch begins. */
  async function readBatch(
    { catalogue, issuers }: CatalogueOfSite,
    sync: BegunSync,
    { source, after, atMostMs }: SyncRunAsk & { readonly after: string | null },
    signal: AbortSignal,
  ): Promise<string | null> {
    const about = { id: sync.id, source }
    const rules = { roots: await allRoots(db), posix }
    const until = Date.now() + atMostMs / batchShare
    const read: ReadOne = async (asked) => await readOne(catalogue, { ...asked, until }, rules, atMostMs, signal)
    if (catalogue.extent === 'whole') {
      const part = Number(after ?? 0)
      const list = await read({ login: null, from: await whereBegins(db, sync.id, part) })
      await keepLists(db, about, [{ accountId: null, ...list, part }])
      return 'listing' in list && list.next !== null ? String(part + 1) : null
    }
    const people = await catalogueAccounts(db, { source, issuers, only: sync.accountId, after, limit: peoplePerBatch })
    const { lists, gap } = await readEach(people, until, read)
    // Of all those who were not asked about nobody knows either.
    await keepLists(db, about, gap === null ? lists : [...lists, { accountId: null, ...gap }])
    const isLast = gap !== null || (lists.length === people.length && people.length < peoplePerBatch)
    return isLast ? null : (people[lists.length - 1]?.accountId ?? null)
  }
}

export type CatalogueActivities = ReturnType<typeof createCatalogueActivities>

type Read =
  { readonly listing: CatalogueListing; readonly next: string | null } | { readonly gap: ListGap; readonly why: string }
type Gap = Extract<Read, { readonly gap: ListGap }>
type ReadOne = (ask: Omit<CatalogueAsk, 'until'>) => Promise<Read>

/**
 * Reads of each, some at once, in their order and as far as there is time. `gap`: the catalogue lets nobody in, or has failed too
 * often in a row: nobody else is to be asked about.
 */
async function readEach(
  people: readonly CatalogueAccount[],
  until: number,
  read: ReadOne,
): Promise<{ readonly lists: readonly ReadList[]; readonly gap: Gap | null }> {
  const lists: ReadList[] = []
  let begun = 0
  let inVain = 0
  let gap: Gap | null = null
  const inRow = async (): Promise<void> => {
    // The first is always read: else there might be no end.
    while (gap === null && begun < people.length && (begun === 0 || Date.now() < until)) {
      const one = people[begun++]
      if (one === undefined) return
      const list = await readPerson(one, read)
      lists.push({ accountId: one.accountId, part: 0, ...list })
      inVain = 'gap' in list && list.gap === 'away' ? inVain + 1 : 0
      if ('gap' in list && (list.gap === 'denied' || inVain >= mostFailures)) gap = list
    }
  }
  await Promise.all(Array.from({ length: atOnce }, inRow))
  // Nobody is left who could not be asked about.
  return { lists, gap: begun < people.length ? gap : null }
}

/** Of somebody with several logins all are read, or none. Without one nothing is his. */
async function readPerson({ logins }: CatalogueAccount, read: ReadOne): Promise<Read> {
  let listing: CatalogueListing = emptyListing
  for (const login of logins) {
    const one = await read({ login, from: null })
    if (!('listing' in one)) return one
    listing = {
      projects: [...listing.projects, ...one.listing.projects],
      faults: [...listing.faults, ...one.listing.faults],
      unreadable: listing.unreadable + one.listing.unreadable,
    }
  }
  return { listing, next: null }
}

/** Asks for one list, or a part of it, and waits no longer than a fraction of a run may last. */
async function readOne(
  catalogue: Catalogue,
  ask: CatalogueAsk,
  rules: CatalogueRules,
  runMs: number,
  signal: AbortSignal,
): Promise<Read> {
  const atMostMs = runMs / listShare
  const late = AbortSignal.timeout(atMostMs)
  try {
    const answer = await catalogue.list(ask, rules, AbortSignal.any([signal, late]))
    return answer.kind === 'listed' ? { listing: answer.listing, next: answer.next } : answer
  } catch (error) {
    signal.throwIfAborted()
    if (!late.aborted) throw error
    return { gap: 'away', why: `Its list took longer than ${Math.round(atMostMs / 1_000)} s.` }
  }
}
