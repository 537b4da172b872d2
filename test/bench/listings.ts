import { connect } from '../../db/connect.ts'
import { listExperiments } from '../../db/experiment-list.ts'
import type { ExperimentFilter } from '../../db/experiment-list.ts'
import { migrateToLatest } from '../../db/migrate.ts'
import { addManyExperiments } from '../setup/many-experiments.ts'
import { addAccount } from '../setup/person.ts'
import { atMost, cells, figureColumns, known, median, ms } from './figures.ts'
import type { Part } from './figures.ts'
import type { Ground } from './ground.ts'
import type { Extent } from './options.ts'
import { interleaved, timed } from './rounds.ts'

const plain: ExperimentFilter = {
  words: [],
  instrument: null,
  projectId: null,
  favourite: false,
  from: null,
  to: null,
}
const limit = 50

/** What pages cost of the list of somebody with ten thousand experiments, wherever they lie. */
export async function measureListings(ground: Ground, { rounds, quick }: Extent): Promise<Part> {
  const url = await ground.createDatabase()
  await migrateToLatest(url)
  const db = connect({ url, poolSize: 1, name: 'carrel-bench' })
  try {
    const { accountId } = await addAccount(db)
    await ground.progress.step('i: experiments', async () => {
      await addManyExperiments(db, accountId, { projects: 1_000, experimentsEach: 10, others: 4_000 })
    })
    const page = async (after: readonly [string, string] | null, filter = plain) =>
      await listExperiments(db, { accountId, own: true, order: '-starts', filter, after, limit })
    let last: readonly [string, string] | null = null
    let pages = 1
    for (let next = (await page(null)).next; next !== null; next = (await page(next)).next) {
      last = next
      pages += 1
    }
    if (pages !== 200) throw new Error(`ten thousand are 200 pages, and not ${pages}`)
    const took = { first: [], last: [], few: [], many: [], instrument: [] } as {
      readonly [K in 'first' | 'last' | 'few' | 'many' | 'instrument']: number[]
    }
    const count = quick ? 20 : 100
    const often = (name: keyof typeof took, deed: () => Promise<unknown>) => async () => {
      for (let n = 0; n < 5; n++) await deed()
      for (let n = 0; n < count; n++) took[name].push(await timed(deed))
    }
    const ways = {
      first: often('first', async () => await page(null)),
      last: often('last', async () => await page(last)),
      few: often('few', async () => await page(null, { ...plain, words: ['glass', '0f'] })),
      many: often('many', async () => await page(null, { ...plain, words: ['protein'] })),
      instrument: often('instrument', async () => await page(null, { ...plain, instrument: 'ID07' })),
    }
    await ground.progress.step('i: pages', (say) => interleaved(rounds, ways, ground.signal, say))
    const ratio = (name: keyof typeof took) => median(took[name]) / median(took.first)
    return {
      id: 'i',
      title: 'The list of somebody with many experiments',
      how: [
        'Pages of 50 of the 10 000 experiments of one account, in 1 000 projects among 5 000, latest first: the first, the last of 200, those of a word that few and one that most have, and those of one instrument. One connection, no HTTP.',
      ],
      goals: [
        atMost('last page ÷ first', ratio('last'), 1.5),
        atMost('search of two rare words ÷ first', ratio('few'), 3),
        atMost('search of a frequent word ÷ first', ratio('many'), 3),
        known('first page', ms(median(took.first))),
      ],
      tables: [
        {
          title: 'how long a page takes',
          columns: ['', ...figureColumns],
          rows: [
            ['first page', ...cells(took.first)],
            ['last page', ...cells(took.last)],
            ['search, two rare words', ...cells(took.few)],
            ['search, a frequent word', ...cells(took.many)],
            ['one instrument', ...cells(took.instrument)],
          ],
        },
      ],
    }
  } finally {
    await db.destroy()
  }
}
