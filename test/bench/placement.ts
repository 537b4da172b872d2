import { sql } from 'kysely'
import { applyConfiguration } from '../../db/bootstrap.ts'
import { connect } from '../../db/connect.ts'
import { readGrounds } from '../../db/grounds.ts'
import { migrateToLatest } from '../../db/migrate.ts'
import { addManyProviders } from '../setup/many-providers.ts'
import { addAccount } from '../setup/person.ts'
import { wish } from './admissions.ts'
import { fakeConfiguration } from './fake-site.ts'
import { atMost, cells, figureColumns, known, median, times } from './figures.ts'
import type { Part } from './figures.ts'
import type { Ground } from './ground.ts'
import type { Extent } from './options.ts'
import { interleaved, timed } from './rounds.ts'

const names = ['one', 'few', 'all'] as const

/** What it takes to read what a wish stands on, at a site with many providers and sessions. */
export async function measurePlacement(ground: Ground, { rounds, quick }: Extent): Promise<Part> {
  const url = await ground.createDatabase()
  await migrateToLatest(url)
  const db = connect({ url, poolSize: 1, name: 'carrel-bench' })
  try {
    await applyConfiguration(db, fakeConfiguration(20))
    const owner = await addAccount(db)
    const template = await db.selectFrom('template').select('id').executeTakeFirstOrThrow()
    const { sessionId } = await wish(db, template.id, owner)
    await ground.progress.step('h: providers and sessions', () => addManyProviders(url, db, sessionId))
    const templates = await db.selectFrom('template').select(['id', 'name']).execute()
    const took = { raw: [] as number[], one: [] as number[], few: [] as number[], all: [] as number[] }
    const count = quick ? 50 : 300
    const often = (name: keyof typeof took, deed: () => Promise<unknown>) => async () => {
      // Until its statement is planned for good.
      for (let n = 0; n < 10; n++) await deed()
      for (let n = 0; n < count; n++) took[name].push(await timed(deed))
    }
    const grounds = (name: (typeof names)[number]) => {
      const templateId = templates.find((one) => one.name === name)?.id
      if (templateId === undefined) throw new Error(`there is no template ${name}`)
      return often(name, async () => await readGrounds(db, [{ accountId: owner.accountId, templateId, intent: null }]))
    }
    const raw = sql`select p.id, p.kind, p.classes, p.disabled_at, p.draining_at, h.state, h.capabilities
      from provider p left join provider_health h on h.provider_id = p.id`
    await ground.progress.step('h: reads', (say) =>
      interleaved(
        rounds,
        {
          raw: often('raw', async () => await raw.execute(db)),
          one: grounds('one'),
          few: grounds('few'),
          all: grounds('all'),
        },
        ground.signal,
        say,
      ),
    )
    const ratio = (name: (typeof names)[number]) => median(took[name]) / median(took.raw)
    return {
      id: 'h',
      title: 'Choosing a place among many',
      how: [
        'What a wish for a session stands on, its place among them, read in one statement: 100 providers, 5 000 live sessions on them, as many that have ended, one connection. The template names one provider, a class of five, or a kind that all are of. Raw: the 100 rows of the providers, with their health, and nothing of their sessions.',
      ],
      goals: [
        atMost('one provider named ÷ raw', ratio('one'), 3),
        atMost('a class of five ÷ raw', ratio('few'), 6),
        known('all of them ÷ raw', times(ratio('all'))),
      ],
      tables: [
        {
          title: 'how long it takes to read',
          columns: ['', ...figureColumns],
          rows: [
            ['raw', ...cells(took.raw)],
            ['one provider named', ...cells(took.one)],
            ['a class of five', ...cells(took.few)],
            ['all of them', ...cells(took.all)],
          ],
        },
      ],
    }
  } finally {
    await db.destroy()
  }
}
