import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { Body, Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let templateId: string
const ids: string[] = []

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  templateId = await api.template()
  for (let i = 0; i < 7; i += 1) {
    const made = await api.call('POST', '/v1/sessions', {
      token: me.token,
      body: { templateId, name: `n${i}` },
      headers: { prefer: 'respond-async' },
    })
    ids.push(made.body.id)
  }
  const end = (id: string | undefined, state: 'stopped' | 'rejected', reason: 'user' | 'quota') =>
    api.db
      .updateTable('session')
      .set({ state, reason, ended_at: new Date() })
      .where('id', '=', id as never)
      .execute()
  await end(ids[0], 'stopped', 'user')
  await end(ids[1], 'rejected', 'quota')
})
afterAll(() => api.close())

const list = (query: string, token = me.token) => api.call('GET', `/v1/sessions${query}`, { token })
const named = (body: Body): string[] => body.items.map((item) => item.name)

test('what has ended or was rejected is listed on request only', async () => {
  expect(named((await list('')).body)).toEqual(['n6', 'n5', 'n4', 'n3', 'n2'])
  expect(named((await list('?ended=true')).body)).toEqual(['n6', 'n5', 'n4', 'n3', 'n2', 'n1', 'n0'])
  expect(named((await list('?state=stopped')).body)).toEqual(['n0'])
  expect(named((await list('?state=stopped,rejected')).body)).toEqual(['n1', 'n0'])
})

test('filters narrow: project, template, owner and time', async () => {
  const at = (await api.call('GET', `/v1/sessions/${ids[4]}`, { token: me.token })).body.requestedAt
  expect(named((await list(`?project=${me.projectId}&template=${templateId}&owner=${me.id}&limit=1`)).body)).toEqual([
    'n6',
  ])
  expect((await list('?project=p00000000000')).body.items).toEqual([])
  expect((await list('?template=t00000000000')).body.items).toEqual([])
  expect((await list('?owner=a00000000000')).body.items).toEqual([])
  expect(named((await list(`?requestedBefore=${at}`)).body)).toEqual(['n3', 'n2'])
  expect((await list(`?requestedAfter=2100-01-01T00:00:00%2B01:00`)).body.items).toEqual([])
})

test('pages follow one another without gap or repeat, also when something new comes between them', async () => {
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page = await list(`?ended=true&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
    expect(page.status).toBe(200)
    seen.push(...named(page.body))
    cursor = page.body.nextCursor
    await api.call('POST', '/v1/sessions', {
      token: me.token,
      body: { templateId, name: 'later' },
      headers: { prefer: 'respond-async' },
    })
  }
  expect(seen).toEqual(['n6', 'n5', 'n4', 'n3', 'n2', 'n1', 'n0'])
})

test.each([
  '?limit=0',
  '?limit=201',
  '?limit=x',
  '?state=gone',
  '?cursor=x',
  `?cursor=${Buffer.from('["accounts","a1"]').toString('base64url')}`,
  `?cursor=${Buffer.from('["sessions","a\\u0000"]').toString('base64url')}`,
  '?requestedAfter=yesterday',
  '?sate=ready',
  '?project=P1',
])('%s is no query of this list', async (query) => {
  const refused = await list(query)
  expect([refused.status, refused.body.code]).toEqual([422, 'invalid_request'])
  expect(refused.body.errors[0]?.in).toBe('query')
})

test('others see nothing of it; an operator sees all on request, and that is audited', async () => {
  const other = await api.person()
  const operator = await api.person({ roles: ['operator'] })
  expect((await list('?ended=true', other.token)).body.items).toEqual([])
  expect((await list('?all=true', other.token)).status).toBe(403)
  expect((await list('', operator.token)).body.items).toEqual([])
  expect(named((await list('?all=true', operator.token)).body)).toContain('n6')
  const audit = await api.db.selectFrom('audit_event').selectAll().where('account_id', '=', operator.id).execute()
  expect(audit).toMatchObject([{ action: 'listSessions', outcome: 'accepted', subject_kind: 'list' }])
})

test('a member of its project sees a session, whoever owns it', async () => {
  const owner = await api.person()
  const project = (await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'Beamtime' } })).body.id
  const viewer = await api.person()
  await api.call('PUT', `/v1/projects/${project}/members/${viewer.id}`, {
    token: owner.token,
    body: { role: 'viewer' },
    headers: { 'if-match': '*' },
  })
  await api.call('POST', '/v1/sessions', {
    token: owner.token,
    body: { templateId, projectId: project, name: 'ours' },
    headers: { prefer: 'respond-async' },
  })
  expect(named((await list('', viewer.token)).body)).toEqual(['ours'])
})
