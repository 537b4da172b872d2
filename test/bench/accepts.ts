import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { CompiledQuery } from 'kysely'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { fakeConfiguration } from './fake-site.ts'
import { atLeast, atMost, cells, figureColumns, figuresOf, known, median, perSecond } from './figures.ts'
import type { Goal, Part, Table } from './figures.ts'
import { execute } from './ground.ts'
import type { Ground } from './ground.ts'
import type { Extent } from './options.ts'
import { createPortal } from './portal.ts'
import { interleaved, openLoop, saturated } from './rounds.ts'
import { createSite } from './site.ts'
import type { Site } from './site.ts'
import { createWire, requestOf } from './wire.ts'

const connections = 50
const warmMs = 2_000
/** For what was accepted at full speed to be worked off by the database. */
const settleMs = 3_000
/** As many as an api has. */
const poolSize = 10

/** How fast wishes are taken, with Temporal and without it, beside inserts of two rows. */
export async function measureAccepts(ground: Ground, extent: Extent): Promise<Part> {
  const goals: Goal[] = []
  const tables: Table[] = []
  for (const mode of ['running', 'stopped'] as const) {
    const site = await createSite(ground, { configuration: fakeConfiguration(10) })
    const bare = await createBare(site)
    try {
      const what = `Temporal ${mode}`
      if (mode === 'stopped') await ground.stopTemporal()
      await ground.progress.step(`b: ${what}`, async (say) => {
        const found = await measure(ground, site, bare, extent, say)
        goals.push(...goalsOf(what, found))
        tables.push(tableOf(what, found))
      })
    } finally {
      if (mode === 'stopped') await ground.startTemporal()
      await bare.close()
      await site.close()
    }
  }
  return {
    id: 'b',
    title: 'Accepting',
    how: [
      `Carrel: \`POST /v1/sessions\` with \`Prefer: respond-async\`, each with a key of its own, over ${connections} connections, answered 202; one api, whose pool has ${poolSize} connections, and one worker that goes on with what was accepted. Bare: \`begin\`, two inserts, \`commit\` into two plain tables of a key and a JSON document of the size of a session's row and event, ${connections} at a time through a pool of the same making and size, from one Node process. Open loop: creates at fixed times, at half the rate found, each timed from the moment it was due; p99 ÷ p50 is the median of the rounds'. Before it the database makes a checkpoint, so that its log goes on in files that are there.`,
      'Everything, the askers too, shares the same cores.',
    ],
    goals,
    tables,
  }
}

interface Found {
  readonly rates: { readonly carrel: number[]; readonly bare: number[] }
  readonly took: { readonly carrel: number[]; readonly bare: number[] }
  /** Of each round. */
  readonly open: number[][]
  readonly openRate: number
}

async function measure(
  ground: Ground,
  site: Site,
  bare: Bare,
  { rounds, quick }: Extent,
  say: (word: string) => void,
): Promise<Found> {
  const create = await createAsker(site)
  const forMs = quick ? 2_000 : 5_000
  const rates = { carrel: [] as number[], bare: [] as number[] }
  const took = { carrel: [] as number[], bare: [] as number[] }
  const way = (name: 'carrel' | 'bare', deed: (lane: number) => Promise<void>) => async () => {
    const { rate, took: each } = await saturated(forMs, connections, deed)
    rates[name].push(rate)
    took[name].push(...each)
  }
  try {
    // Until what is asked often is compiled, and every connection is open and has planned its statements.
    await saturated(warmMs, connections, create.ask)
    await saturated(warmMs, connections, bare.insert)
    await interleaved(rounds, { bare: way('bare', bare.insert), carrel: way('carrel', create.ask) }, ground.signal, say)
    const openRate = median(rates.carrel) / 2
    // As a server that has run for a while has it: its log goes on in files that are there, none of which has to be made.
    await execute(site.databaseUrl, 'checkpoint')
    await delay(settleMs)
    say(`open loop at ${perSecond(openRate)}`)
    let lane = 0
    const open: number[][] = []
    for (let round = 0; round < rounds; round++)
      open.push(await openLoop(forMs, openRate, async () => await create.ask((lane += 1) + connections)))
    return { rates, took, open, openRate }
  } finally {
    create.close()
  }
}

/** Asks for sessions; each lane on its own connection. */
async function createAsker(site: Site) {
  const template = await createPortal(site).templateId('plain')
  const wire = createWire(site.url)
  const idle: number[] = []
  const headers = {
    authorization: `Bearer ${site.user.token}`,
    'content-type': 'application/json',
    prefer: 'respond-async',
  }
  const body = JSON.stringify({ templateId: template })
  return {
    async ask(lane: number): Promise<void> {
      // In the open loop a connection is used again when its answer is out.
      const own = lane < connections ? lane : (idle.pop() ?? lane)
      const request = requestOf({
        method: 'POST',
        path: '/v1/sessions',
        headers: { ...headers, 'idempotency-key': randomUUID() },
        body,
      })
      const answer = await wire.ask(own, request)
      if (lane >= connections) idle.push(own)
      if (answer.status !== 202) throw new Error(`a create was answered ${answer.status}: ${answer.body}`)
    },
    close: wire.close,
  }
}

interface Bare {
  insert(): Promise<void>
  close(): Promise<void>
}

async function createBare({ databaseUrl }: Site): Promise<Bare> {
  await execute(databaseUrl, 'create table bare_one (id uuid primary key, data jsonb not null)')
  await execute(databaseUrl, 'create table bare_two (id uuid primary key, data jsonb not null)')
  const pool: Db = connect({ url: databaseUrl, poolSize, name: 'carrel-bench-bare' })
  const row = JSON.stringify({ text: 'x'.repeat(700) })
  const event = JSON.stringify({ state: 'requested', text: 'x'.repeat(100) })
  return {
    async insert() {
      const id = randomUUID()
      await pool.transaction().execute(async (trx) => {
        await trx.executeQuery(CompiledQuery.raw('insert into bare_one values ($1, $2)', [id, row]))
        await trx.executeQuery(CompiledQuery.raw('insert into bare_two values ($1, $2)', [id, event]))
      })
    },
    close: () => pool.destroy(),
  }
}

function goalsOf(what: string, { rates, open, openRate }: Found): Goal[] {
  const tails = open.map(figuresOf).map(({ p50, p99 }) => p99 / p50)
  return [
    atLeast(`accepted ÷ bare, ${what}`, median(rates.carrel) / median(rates.bare), 0.3),
    atMost(`open loop: p99 ÷ p50, ${what}`, median(tails), 5),
    known(`accepted, ${what}`, perSecond(median(rates.carrel))),
    known(`bare transactions, ${what}`, perSecond(median(rates.bare))),
    known(`open loop at, ${what}`, perSecond(openRate)),
  ]
}

const tableOf = (what: string, { took, open }: Found): Table => ({
  title: what,
  columns: ['', ...figureColumns],
  rows: [
    [`create, ${connections} connections`, ...cells(took.carrel)],
    [`bare transaction, ${connections} at a time`, ...cells(took.bare)],
    ['create, open loop', ...cells(open.flat())],
  ],
})
