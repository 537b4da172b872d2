import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let admin: Person
let me: Person

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
  me = await api.person()
  await api.db.updateTable('quota_default').set({ sessions: 3, gpus: 0 }).where('payer_kind', '=', 'account').execute()
})
afterAll(() => api.close())

const none = { sessions: null, cpuMilli: null, memoryMib: null, diskMib: null, gpus: null }
const get = (path: string, token = me.token) => api.call('GET', `/v1/quotas/${path}`, { token })
const put = (path: string, limits: object, match?: string, token = admin.token) =>
  api.call('PUT', `/v1/quotas/${path}`, {
    token,
    body: { limits },
    headers: match === undefined ? {} : { 'if-match': match },
  })

test('one reads what is set, the default, what holds, what is held and what is left', async () => {
  const templateId = await api.template()
  const made = await api.call('POST', '/v1/sessions', {
    token: me.token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  await api.decide(made.body.id)
  const seen = await get(`account/${me.id}`)
  expect(seen.status).toBe(200)
  expect(seen.body).toEqual({
    payer: { kind: 'account', id: me.id },
    limits: none,
    defaults: { ...none, sessions: 3, gpus: 0 },
    effective: { ...none, sessions: 3, gpus: 0 },
    held: { sessions: 1, cpuMilli: 1_000, memoryMib: 1_024, diskMib: 0, gpus: 0 },
    left: { ...none, sessions: 2, gpus: 0 },
  })
  expect((await get(`project/${me.projectId}`)).body.held.sessions).toBe(1)
})

test('an admin sets limits over what was read; null is the default again', async () => {
  const path = `account/${(await api.person()).id}`
  const etag = (await get(path, admin.token)).headers.get('etag') ?? ''
  expect((await put(path, { ...none, sessions: 9 })).status).toBe(428)
  const set = await put(path, { ...none, sessions: 9 }, etag)
  expect(set.body).toMatchObject({ limits: { sessions: 9 }, effective: { sessions: 9, gpus: 0 } })
  expect((await put(path, { ...none, sessions: 1 }, etag)).body).toMatchObject({ status: 412 })
  const back = await put(path, none, set.headers.get('etag') ?? '')
  expect(back.body).toMatchObject({ limits: none, effective: { sessions: 3 } })
})

test('two who set at once: one is told', async () => {
  const path = `account/${(await api.person()).id}`
  const etag = (await get(path, admin.token)).headers.get('etag') ?? ''
  const answers = await Promise.all([1, 2, 3, 4].map((n) => put(path, { ...none, sessions: n }, etag)))
  expect(answers.map((a) => a.status).sort()).toEqual([200, 412, 412, 412])
})

test.each([[{ sessions: 1 }], [{ ...none, sessions: -1 }], [{ ...none, sessions: 1.5 }], [{ ...none, cores: 1 }]])(
  '%j are no limits',
  async (limits) => {
    expect((await put(`account/${me.id}`, limits, '*')).status).toBe(422)
  },
)

test("others' quotas are not there; a provider's is for operators; there are three kinds", async () => {
  const other = await api.person()
  const operator = await api.person({ roles: ['operator'] })
  expect((await get(`account/${other.id}`)).status).toBe(404)
  expect((await get(`project/${other.projectId}`)).status).toBe(404)
  expect((await get('provider/fake')).status).toBe(404)
  expect((await get('provider/fake', operator.token)).status).toBe(200)
  expect((await get('provider/none', operator.token)).status).toBe(404)
  expect((await get(`moon/${me.id}`)).status).toBe(404)
  expect((await put(`account/${me.id}`, none, '*', me.token)).status).toBe(403)
  expect((await api.call('GET', `/v1/quotas/account/${me.id}`)).status).toBe(401)
})
