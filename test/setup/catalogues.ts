import { MockActivityEnvironment } from '@temporalio/testing'
import { createCatalogueActivities } from '../../activities/catalogue.ts'
import type { CatalogueRead } from '../../activities/catalogue.ts'
import { askSync, getSync } from '../../db/catalogue-asks.ts'
import { emptyListing } from '../../domain/catalogue.ts'
import type { CatalogueExperiment, CatalogueListing, CatalogueProject } from '../../domain/catalogue.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId } from '../../domain/ids.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { createFakeCatalogue } from '../../ports/identity/catalogue/fake/catalogue.ts'
import { startApi } from './api.ts'
import type { Person } from './api.ts'

const issuer = 'https://login.example.org'

interface Wish {
  readonly dryRun?: boolean
  readonly allowWithdrawals?: number
  readonly accountId?: AccountId
  /** What happens between reading and settling. */
  readonly meanwhile?: () => Promise<unknown>
}

/** An api, people with logins, and catalogues that name them. */
export async function startCatalogueWorld() {
  const api = await startApi()
  const root = { path: '/data', provider_id: 'fake' as never, host_path: '/mnt' }
  await api.db.insertInto('data_root').values(root).execute()

  /** A catalogue of its own, and the sync of it as its workflow carries it out. */
  function open(
    extent: 'person' | 'whole',
    more: { readonly withdrawn?: 'stop' | 'keepDoorsShut'; readonly changesPerBatch?: number } = {},
  ) {
    const source = `c${newId('sync')}`
    const catalogue = createFakeCatalogue(extent)
    const { readCatalogue, settleCatalogue } = createCatalogueActivities({
      db: api.db,
      timings: defaultTimings,
      sources: new Map([[source, { catalogue, issuers: [issuer] }]]),
      ...more,
    })
    const environment = () => new MockActivityEnvironment()
    const sync = async ({ meanwhile, ...over }: Wish = {}) => {
      const id = newId('sync')
      const ask = { dryRun: false, allowWithdrawals: 0, accountId: null, ...over }
      await api.db.transaction().execute(async (trx) => await askSync(trx, { id, source, requestedBy: null, ...ask }))
      const run = { source, syncId: id as string, runId: id as string, atMostMs: 60_000 }
      for (let after: string | null = null; ;) {
        const read: CatalogueRead = await environment().run(readCatalogue, { ...run, after })
        after = read.after
        if (after === null) break
      }
      await meanwhile?.()
      let batches = 1
      for (; (await settle(run)).more; batches++);
      const ended = await getSync(api.db, id)
      if (ended === null) throw new Error('It was asked for.')
      return { ...ended, batches }
    }
    const settle = async (run: Parameters<typeof settleCatalogue>[0]): Promise<{ readonly more: boolean }> =>
      await environment().run(settleCatalogue, run)
    return { source, catalogue, sync }
  }

  async function person(login: string | null, saidBy = issuer): Promise<Person> {
    const made = await api.person()
    const claims = login === null ? {} : { login }
    await api.db
      .insertInto('identity')
      .values({ issuer: saidBy, subject: made.id, account_id: made.id, claims: JSON.stringify(claims) })
      .execute()
    return made
  }

  const experiments = async (who: Person) =>
    (await api.call('GET', '/v1/experiments?order=name', { token: who.token })).body.items
  const namesOf = async (who: Person) => (await experiments(who)).map((item) => item.name)
  return { api, open, person, experiments, namesOf }
}
export type CatalogueWorld = Awaited<ReturnType<typeof startCatalogueWorld>>

export const experiment = (externalId: string, over: Partial<CatalogueExperiment> = {}): CatalogueExperiment => ({
  externalId,
  name: `Visit ${externalId}`,
  description: '',
  instrument: 'ID01',
  starts: null,
  ends: null,
  posix: null,
  datasets: [{ name: 'raw', path: `/data/${externalId}`, target: '/experiment/raw', mode: 'ro' }],
  members: null,
  ...over,
})
export const project = (externalId: string, over: Partial<CatalogueProject> = {}): CatalogueProject => ({
  externalId,
  name: `Proposal ${externalId}`,
  description: '',
  experiments: [experiment(`${externalId}-1`)],
  members: [],
  partial: false,
  ...over,
})
export const listing = (...projects: readonly CatalogueProject[]): CatalogueListing => ({ ...emptyListing, projects })
