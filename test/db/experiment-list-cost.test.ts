import { CompiledQuery } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { experimentsStatement, listExperiments } from '../../db/experiment-list.ts'
import type { ExperimentsAsk } from '../../db/experiment-list.ts'
import type { AccountId } from '../../domain/ids.ts'
import { addManyExperiments } from '../setup/many-experiments.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

let rows: Rows
let accountId: AccountId
const own = 1_500
beforeAll(async () => {
  rows = await createRows()
  accountId = (await rows.account()).accountId
  await addManyExperiments(rows.db, accountId, { projects: own / 5, experimentsEach: 5, others: 6_000 })
})
afterAll(async () => await rows.close())

const ask = (over: Partial<ExperimentsAsk> = {}): ExperimentsAsk => ({
  accountId,
  own: true,
  order: '-starts',
  filter: { words: [], instrument: null, projectId: null, favourite: false, from: null, to: null },
  after: null,
  limit: 50,
  ...over,
})

interface Plan {
  readonly 'Node Type': string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

/** Rows that the plan's scans went through, those included that they left out. */
function visited(plan: Plan): number {
  const removed = plan['Rows Removed by Filter'] ?? 0
  const mine = plan['Node Type'].includes('Scan') ? (plan['Actual Rows'] + removed) * plan['Actual Loops'] : 0
  return (plan.Plans ?? []).reduce((sum, inner) => sum + visited(inner), mine)
}

async function cost(asked: ExperimentsAsk): Promise<number> {
  const { text, parameters } = experimentsStatement(asked)
  const explained = await rows.db.executeQuery(
    CompiledQuery.raw(`explain (analyze, timing off, format json) ${text}`, parameters),
  )
  const [row] = explained.rows as { 'QUERY PLAN': { Plan: Plan }[] }[]
  const plan = row?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error('A statement has a plan.')
  return visited(plan)
}

test('the last page goes through no more rows than the first, and a search through no more than three times as many', async () => {
  let after: ExperimentsAsk['after'] = null
  let count = 0
  for (;;) {
    const page = await listExperiments(rows.db, ask({ after }))
    count += page.items.length
    if (page.next === null) break
    after = page.next
  }
  expect(count).toBe(own)
  const first = await cost(ask())
  // What others have is not gone through for it.
  expect(first).toBeLessThan(own * 2.5)
  expect(await cost(ask({ after }))).toBeLessThanOrEqual(first * 1.5)
  for (const words of [['glass'], ['protein'], ['nothing', 'at', 'all']])
    expect(await cost(ask({ filter: { ...ask().filter, words } }))).toBeLessThanOrEqual(first * 3)
})
