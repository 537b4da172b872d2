import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let other: Person

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  other = await api.person()
})
afterAll(() => api.close())

const make = async (name = 'Beamtime 42') =>
  await api.call('POST', '/v1/projects', { token: me.token, body: { name, description: 'Ours' } })
const put = (project: string, account: string, role: string, match = '*', token = me.token) =>
  api.call('PUT', `/v1/projects/${project}/members/${account}`, {
    token,
    body: { role },
    headers: { 'if-match': match },
  })

test('whoever makes a project owns it, and it has a quota', async () => {
  const made = await make()
  expect(made.status).toBe(201)
  expect(made.body).toMatchObject({ name: 'Beamtime 42', description: 'Ours', personalOf: null, closedAt: null })
  expect((await api.call('GET', `/v1/projects/${made.body.id}`, { token: me.token })).body).toEqual({
    ...made.body,
    isFavourite: false,
    staleSince: null,
  })
  expect((await api.call('GET', `/v1/quotas/project/${made.body.id}`, { token: me.token })).status).toBe(200)
  const members = await api.call('GET', `/v1/projects/${made.body.id}/members`, { token: me.token })
  expect(members.body.items).toMatchObject([{ accountId: me.id, role: 'owner' }])
})

test('one key makes one project', async () => {
  const key = randomUUID()
  const ask = { token: me.token, body: { name: 'Once' }, key }
  const answers = await Promise.all([1, 2, 3].map(() => api.call('POST', '/v1/projects', ask)))
  expect(new Set(answers.map((a) => a.body.id)).size).toBe(1)
})

test('the list holds my projects, the personal one too, page by page', async () => {
  const person = await api.person()
  const ids = [person.projectId]
  for (const name of ['a', 'b', 'c'])
    ids.unshift((await api.call('POST', '/v1/projects', { token: person.token, body: { name } })).body.id)
  const first = await api.call('GET', '/v1/projects?limit=3', { token: person.token })
  const second = await api.call('GET', `/v1/projects?limit=3&cursor=${first.body.nextCursor}`, { token: person.token })
  expect([...first.body.items, ...second.body.items].map((p) => p.id)).toEqual(ids)
  expect(second.body.nextCursor).toBeNull()
  expect((await api.call('GET', '/v1/projects?all=true', { token: person.token })).status).toBe(403)
})

test('members come, change and go; the last owner stays', async () => {
  const id = (await make()).body.id
  expect((await put(id, other.id, 'viewer')).status).toBe(200)
  expect((await api.call('GET', `/v1/projects/${id}`, { token: other.token })).status).toBe(200)
  expect((await put(id, me.id, 'editor')).body).toMatchObject({ status: 409, code: 'conflict' })
  expect((await api.call('DELETE', `/v1/projects/${id}/members/${me.id}`, { token: me.token })).status).toBe(409)
  expect((await put(id, other.id, 'owner')).status).toBe(200)
  expect((await put(id, me.id, 'editor')).status).toBe(200)
  expect((await api.call('DELETE', `/v1/projects/${id}/members/${me.id}`, { token: other.token })).status).toBe(204)
  expect((await api.call('GET', `/v1/projects/${id}`, { token: me.token })).status).toBe(404)
  expect((await api.call('DELETE', `/v1/projects/${id}/members/${me.id}`, { token: other.token })).status).toBe(404)
})

test('of two owners who remove each other at once, one stays', async () => {
  // A: lock project ── two owners ── remove B ── commit
  // B:   lock project (waits) ················· one owner left, or none to remove it
  const id = (await make()).body.id
  await put(id, other.id, 'owner')
  await Promise.all([
    api.call('DELETE', `/v1/projects/${id}/members/${other.id}`, { token: me.token }),
    api.call('DELETE', `/v1/projects/${id}/members/${me.id}`, { token: other.token }),
  ])
  const owners = await api.db.selectFrom('project_member').select('account_id').where('project_id', '=', id).execute()
  expect(owners).toHaveLength(1)
})

test('a change of members needs what was read', async () => {
  const made = await make()
  const id = made.body.id
  const etag = (await api.call('GET', `/v1/projects/${id}/members`, { token: me.token })).headers.get('etag') ?? ''
  expect(etag).toBe(made.headers.get('etag'))
  const bare = { token: me.token, body: { role: 'viewer' } }
  expect((await api.call('PUT', `/v1/projects/${id}/members/${other.id}`, bare)).status).toBe(428)
  const changed = await put(id, other.id, 'viewer', etag)
  expect(changed.status).toBe(200)
  expect(changed.headers.get('etag')).not.toBe(etag)
  expect((await put(id, other.id, 'editor', etag)).status).toBe(412)
})

test('who is not there cannot become a member; a personal project has one', async () => {
  const id = (await make()).body.id
  expect((await put(id, 'a00000000000', 'viewer')).status).toBe(404)
  expect((await put(me.projectId, other.id, 'viewer')).body).toMatchObject({ status: 409, code: 'conflict' })
  expect((await put(id, other.id, 'king')).status).toBe(422)
})
