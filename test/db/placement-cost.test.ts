import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readGrounds } from '../../db/grounds.ts'
import type { Grounds } from '../../db/grounds.ts'
import type { Database } from '../../db/schema.ts'
import type { TemplateId } from '../../domain/ids.ts'
import { addManyProviders } from '../setup/many-providers.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

// 100 providers, and 5 000 sessions that live there beside as many that have ended. What is counted is blocks, not time.

let rows: Rows
let owner: Owner
let client: pg.Client
let listened: Kysely<Database>
const asked: { readonly sql: string; readonly parameters: readonly unknown[] }[] = []

beforeAll(async () => {
  rows = await createRows()
  owner = await rows.account()
  const { sessionId } = await rows.session(owner)
  client = new pg.Client({ connectionString: rows.url })
  await client.connect()
  await addManyProviders(rows.url, rows.db, sessionId)
  listened = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: rows.url, max: 1 }) }),
    log: ({ query }) => void asked.push(query),
  })
})
afterAll(async () => {
  await client.end()
  await listened.destroy()
  await rows.close()
})

async function groundsOf(name: string): Promise<Grounds> {
  const ofName = rows.db.selectFrom('template').select('id').where('name', '=', name)
  const { id: templateId } = await ofName.executeTakeFirstOrThrow()
  const ask = { accountId: owner.accountId, templateId: templateId satisfies TemplateId, intent: null }
  const [grounds] = await readGrounds(listened, [ask])
  if (grounds === undefined) throw new Error('nothing was read')
  return grounds
}

/** How many blocks the statement reads, and whether it reads a table that grows as a whole. */
async function costOf(text: string, parameters: readonly unknown[] = []) {
  interface Plan {
    readonly 'Shared Hit Blocks': number
    readonly 'Shared Read Blocks': number
  }
  const explained = await client.query<{ 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(
    `explain (analyze, buffers, format json) ${text}`,
    [...parameters],
  )
  const plan = explained.rows[0]?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error('there is no plan')
  const scans = /"Node Type":"Seq Scan"[^{}]*"Relation Name":"(session|reservation)"/.exec(JSON.stringify(plan))
  return { blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], scans: scans?.[1] ?? null }
}

async function costOfAsking(name: string) {
  asked.length = 0
  const { candidates } = await groundsOf(name)
  expect(asked).toHaveLength(1)
  const cost = await costOf(asked[0]?.sql ?? '', asked[0]?.parameters)
  expect(cost.scans).toBeNull()
  return { candidates, blocks: cost.blocks }
}

/** Of each session its row and its reservation, at most a block each; of each provider its indexes and its quota. */
const ofSessions = ({ candidates }: Pick<Grounds, 'candidates'>) =>
  candidates.reduce((all, { load }) => all + 2 * load + 12, 0)

/** Template, account, project, key, providers and quotas: whatever the number of sessions. */
const ofItself = 60

test.each(['one', 'alone'])('where a template names %s provider, nothing of its sessions is read', async (name) => {
  const { candidates, blocks } = await costOfAsking(name)
  expect(candidates).toMatchObject([{ load: 0, quota: null }])
  expect(blocks).toBeLessThan(ofItself)
})

test('where it names few of many, their sessions are read, and no others', async () => {
  const { candidates, blocks } = await costOfAsking('few')
  expect(candidates.map(({ id }) => id).toSorted()).toEqual(['p1', 'p2', 'p3', 'p4', 'p5'])
  for (const { load, quota } of candidates) {
    expect(load).toBeGreaterThanOrEqual(50)
    expect(quota?.held.sessions).toBe(load)
  }
  expect(blocks).toBeLessThan(ofSessions({ candidates }) + ofItself)
})

test('where it names all of them, each live session is read once, and each reservation', async () => {
  const { candidates, blocks } = await costOfAsking('all')
  expect(candidates).toHaveLength(100)
  expect(blocks).toBeLessThan(ofSessions({ candidates }) + ofItself)
  expect(candidates.reduce((all, { load }) => all + load, 0)).toBe(5_001)
})
