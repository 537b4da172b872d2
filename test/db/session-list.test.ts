import { CompiledQuery, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { AnyId, Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  templateId = await api.template({ sharing: 'members' })
})
afterAll(() => api.close())

async function create({ token }: Person): Promise<AnyId> {
  const headers = { prefer: 'respond-async' }
  return (await api.call('POST', '/v1/sessions', { token, body: { templateId }, headers })).body.id
}

const listed = async ({ token }: Person, query = '') =>
  (await api.call('GET', `/v1/sessions${query}`, { token })).body.items.map((item) => item.id)

test('a session is listed once, whatever else somebody is to it, in one order with all others', async () => {
  const friend = await api.person()
  const ids = [await create(me), await create(friend), await create(me), await create(friend)].toReversed()
  for (const [owner, other] of [
    [me, friend],
    [friend, me],
  ] as const) {
    const member = { project_id: owner.projectId, account_id: other.id, role: 'editor' as const }
    await api.db.insertInto('project_member').values(member).execute()
    await sql`insert into collaborator (session_id, account_id, mode)
      select id, ${other.id}, 'view' from session where owner_id = ${owner.id}`.execute(api.db)
  }
  expect(await listed(me)).toEqual(ids)
  expect(await listed(friend, '?ended=true')).toEqual(ids)
  expect(await listed(me, '?limit=3&state=requested')).toEqual(ids.slice(0, 3))
})

test('a list goes through what its reader may see, not through all that ever was', async () => {
  const other = await api.person()
  const id = await create(other)
  const { rows } = await sql<{ name: string }>`select column_name as name from information_schema.columns
    where table_schema = 'public' and table_name = 'session'`.execute(api.db)
  const own: Readonly<Record<string, string>> = {
    id: `'s0' || n`,
    state: `'stopped'`,
    reason: `'user'`,
    ended_at: 'now()',
  }
  const names = rows.map(({ name }) => name)
  const values = names.map((name) => own[name] ?? `session.${name}`).join(', ')
  await api.db.executeQuery(
    CompiledQuery.raw(
      `insert into session (${names.join(', ')}) select ${values} from session, generate_series(10001, 15000) n where id = $1`,
      [id],
    ),
  )
  await sql`analyze session`.execute(api.db)
  const mine = (await listed(me)).length
  const sent = vi.spyOn(pg.Client.prototype, 'query')
  expect((await listed(me)).length).toBe(mine)
  // As the pool sends them.
  const asked = sent.mock.calls.map(([query]) => query as unknown as { text: string; values: unknown[] })
  sent.mockRestore()
  const list = asked.find(({ text }) => text.includes('as versions'))
  const explained = await api.db.executeQuery(
    CompiledQuery.raw(`explain (analyze, buffers, format json) ${list?.text}`, list?.values ?? []),
  )
  const [row] = explained.rows as { 'QUERY PLAN': { Plan: Record<string, number> }[] }[]
  const plan = row?.['QUERY PLAN'][0]?.Plan
  const pages = (plan?.['Shared Hit Blocks'] ?? Number.NaN) + (plan?.['Shared Read Blocks'] ?? Number.NaN)
  // Of the table alone there are more than 200.
  expect(pages).toBeLessThan(100)
})
