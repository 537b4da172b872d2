import { fakeConfiguration } from './fake-site.ts'
import { atLeast, cells, figureColumns, known, median, perSecond } from './figures.ts'
import type { Part } from './figures.ts'
import type { Ground } from './ground.ts'
import { startMany } from './many.ts'
import type { Extent } from './options.ts'
import { createPortal } from './portal.ts'
import { interleaved, saturated } from './rounds.ts'
import { createSite } from './site.ts'
import { createWire, requestOf } from './wire.ts'

const connections = 20
const sessions = 60
const warmMs = 1_000

/** How fast sessions are read, beside a route of the same server that reads nothing. */
export async function measureReads(ground: Ground, { rounds, quick }: Extent): Promise<Part> {
  const site = await createSite(ground, { configuration: fakeConfiguration(20) })
  const wire = createWire(site.url)
  try {
    const portal = createPortal(site)
    const [id = ''] = await ground.progress.step('c: sessions to be read', () => startMany(portal, 'plain', sessions))
    const headers = { authorization: `Bearer ${site.user.token}` }
    const paths = { bare: '/healthz', one: `/v1/sessions/${id}`, list: '/v1/sessions?limit=50' }
    type Name = keyof typeof paths
    const rates: Record<Name, number[]> = { bare: [], one: [], list: [] }
    const took: Record<Name, number[]> = { bare: [], one: [], list: [] }
    const forMs = quick ? 1_000 : 3_000
    const way = (name: Name) => {
      const request = requestOf({ method: 'GET', path: paths[name], headers: name === 'bare' ? {} : headers })
      const ask = async (lane: number) => {
        const { status, body } = await wire.ask(lane, request)
        if (status !== 200) throw new Error(`${paths[name]} was answered ${status}: ${body}`)
      }
      return async () => {
        // Until what is asked often is compiled, and every connection is open and has planned its statements.
        await saturated(warmMs, connections, ask)
        const found = await saturated(forMs, connections, ask)
        rates[name].push(found.rate)
        took[name].push(...found.took)
      }
    }
    await ground.progress.step('c: reads', (say) =>
      interleaved(rounds, { bare: way('bare'), one: way('one'), list: way('list') }, ground.signal, say),
    )
    const rate = (name: Name) => median(rates[name])
    return {
      id: 'c',
      title: 'Reading',
      how: [
        `Over ${connections} connections that are kept: \`GET /v1/sessions/{id}\`, and \`GET /v1/sessions?limit=50\` of an account with ${sessions} ready sessions, beside \`GET /healthz\` of the same api, a JSON route that passes the same frame and asks nothing. Rates are medians of the rounds.`,
      ],
      goals: [
        atLeast('one session ÷ bare route', rate('one') / rate('bare'), 0.3),
        atLeast('list of 50 ÷ bare route', rate('list') / rate('bare'), 0.15),
        known('bare route', perSecond(rate('bare'))),
        known('one session', perSecond(rate('one'))),
        known('list of 50', perSecond(rate('list'))),
      ],
      tables: [
        {
          title: 'how long a read takes',
          columns: ['', ...figureColumns],
          rows: [
            ['bare route', ...cells(took.bare)],
            ['one session', ...cells(took.one)],
            ['list of 50', ...cells(took.list)],
          ],
        },
      ],
    }
  } finally {
    wire.close()
    await site.close()
  }
}
