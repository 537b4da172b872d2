import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { firstAdmin } from '../../db/tokens.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let admin: Person

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
})
afterAll(() => api.close())

const asAdmin = (method: string, path: string, body?: object, key?: string | null) =>
  api.call(method, path, {
    token: admin.token,
    ...(body === undefined ? {} : { body }),
    ...(key === undefined ? {} : { key }),
  })

test('an account has its personal project and both quotas from its first moment', async () => {
  const made = await asAdmin('POST', '/v1/accounts', {
    displayName: 'Ada',
    email: 'ada@example.org',
    posix: { user: 'ada', uid: 1_001, gid: 1_001, gids: [2_000] },
  })
  expect(made.status).toBe(201)
  expect(made.headers.get('location')).toBe(`/v1/accounts/${made.body.id}`)
  expect(made.body).toMatchObject({ displayName: 'Ada', roles: ['member'], disabledAt: null, posix: { uid: 1_001 } })
  for (const path of [`account/${made.body.id}`, `project/${made.body.personalProjectId}`])
    expect((await asAdmin('GET', `/v1/quotas/${path}`)).status).toBe(200)
  expect((await asAdmin('GET', `/v1/accounts/${made.body.id}`)).body).toEqual(made.body)
})

test('one key makes one account, also 20 times at once', async () => {
  const key = randomUUID()
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => asAdmin('POST', '/v1/accounts', { displayName: 'Once' }, key)),
  )
  expect(new Set(answers.map((a) => `${a.status} ${a.body.id}`)).size).toBe(1)
  const rows = await api.db.selectFrom('account').select('id').where('display_name', '=', 'Once').execute()
  expect(rows).toHaveLength(1)
})

test.each([
  [{ displayName: '' }, '/displayName'],
  [{ displayName: 'A', email: 'no' }, '/email'],
  [{ displayName: 'A', roles: ['king'] }, '/roles/0'],
  [{ displayName: 'A', roles: [] }, '/roles'],
  [{ displayName: 'A', posix: { user: 'root', uid: 0, gid: 0, gids: [] } }, '/posix/uid'],
])('%j is no account', async (body, pointer) => {
  const refused = await asAdmin('POST', '/v1/accounts', body)
  expect(refused.status).toBe(422)
  expect(refused.body.errors.map((e) => e.pointer)).toContain(pointer)
})

test('a disabled account is out at once, its sessions are asked to stop, and it stays listed', async () => {
  const person = await api.person()
  const templateId = await api.template()
  const session = await api.call('POST', '/v1/sessions', {
    token: person.token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  const disabled = await asAdmin('POST', `/v1/accounts/${person.id}/disable`, undefined, null)
  expect(disabled.status).toBe(200)
  expect(disabled.body.disabledAt).not.toBeNull()
  expect((await api.call('GET', '/v1/whoami', { token: person.token })).status).toBe(401)
  const row = await api.db.selectFrom('session').selectAll().where('id', '=', session.body.id).executeTakeFirstOrThrow()
  expect(row.stop_reason).toBe('account_disabled')
  const again = await asAdmin('POST', `/v1/accounts/${person.id}/disable`, undefined, null)
  expect(again.body.disabledAt).toBe(disabled.body.disabledAt)
  const listed = await asAdmin('GET', '/v1/accounts?limit=200')
  expect(listed.body.items.map((a) => a.id)).toContain(person.id)
})

test('of two admins who disable each other at once, one stays', async () => {
  // A: lock admins ── disable B ── commit
  // B:   lock admins (waits) ············ one admin left, itself disabled or refused
  const other = await startApi()
  try {
    const [a, b] = [await other.person({ roles: ['admin'] }), await other.person({ roles: ['admin'] })]
    await Promise.all([
      other.call('POST', `/v1/accounts/${b.id}/disable`, { token: a.token, key: null }),
      other.call('POST', `/v1/accounts/${a.id}/disable`, { token: b.token, key: null }),
    ])
    const left = await other.db.selectFrom('account').select('id').where('disabled_at', 'is', null).execute()
    expect(left).toHaveLength(1)
    const last = left[0]?.id === a.id ? a : b
    const refused = await other.call('POST', `/v1/accounts/${last.id}/disable`, { token: last.token, key: null })
    expect([refused.status, refused.body.code]).toEqual([409, 'conflict'])
  } finally {
    await other.close()
  }
})

test('changing accounts is for admins; who is not one is told so before anything is looked at', async () => {
  const member = await api.person()
  for (const [method, path, body] of [
    ['POST', '/v1/accounts', { displayName: 1 }],
    ['POST', `/v1/accounts/${admin.id}/disable`, undefined],
    ['PUT', `/v1/accounts/${member.id}/roles`, { roles: ['king'] }],
    ['PUT', `/v1/accounts/${member.id}/posix`, {}],
    ['PATCH', `/v1/accounts/${member.id}`, {}],
  ] as const) {
    expect((await api.call(method, path, { token: member.token, body })).status).toBe(403)
    expect((await api.call(method, path, { body })).status).toBe(401)
  }
  expect((await asAdmin('GET', '/v1/accounts/a00000000000')).status).toBe(404)
})

test('the first admin is made exactly once, also by many at once', async () => {
  const made = await Promise.all(
    Array.from({ length: 8 }, () => api.db.transaction().execute((trx) => firstAdmin(trx))),
  )
  const [one, ...more] = made.filter((m) => m !== null)
  expect(more).toEqual([])
  const me = await api.call('GET', '/v1/whoami', { token: one?.token ?? '' })
  expect(me.body).toMatchObject({ account: { id: one?.accountId, roles: ['admin'] }, actedBy: null })
})
