import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  templateId = await api.template()
})
afterAll(() => api.close())

const preview = (body: object = {}, token = me.token) =>
  api.call('POST', '/v1/session-previews', { token, body: { templateId, ...body }, key: null })

test('a preview says what each payer would be charged, and changes nothing', async () => {
  await api.db.updateTable('quota').set({ cpu_milli: 4_000 }).where('payer_id', '=', me.id).execute()
  const seen = await preview()
  expect(seen.status).toBe(200)
  expect(seen.body).toMatchObject({
    admitted: true,
    code: null,
    violations: [],
    providerId: 'fake',
    projectId: me.projectId,
    size: 'small',
    expectedWaitSeconds: 0,
  })
  expect(seen.body.payers.map((p) => p.payer)).toEqual([
    { kind: 'account', id: me.id },
    { kind: 'project', id: me.projectId },
    { kind: 'provider', id: 'fake' },
  ])
  expect(seen.body.payers[0]).toMatchObject({
    wouldReserve: { sessions: 1, cpuMilli: 1_000 },
    limits: { cpuMilli: 4_000, sessions: null },
    held: { cpuMilli: 0 },
    left: { cpuMilli: 4_000, sessions: null },
  })
  for (const table of ['session', 'reservation'] as const)
    expect(await api.db.selectFrom(table).selectAll().execute()).toEqual([])
})

test('it says what is in the way: now, or for ever', async () => {
  await api.db.updateTable('quota').set({ cpu_milli: 2_000, sessions: 1 }).where('payer_id', '=', me.id).execute()
  const large = await preview({ size: 'large' })
  expect(large.body).toMatchObject({ admitted: false, code: 'exceeds_limit', violations: [{ resource: 'cpuMilli' }] })
  const made = await api.call('POST', '/v1/sessions', {
    token: me.token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  await api.decide(made.body.id)
  const second = await preview()
  expect(second.body).toMatchObject({
    admitted: false,
    code: 'quota_exceeded',
    violations: [{ payer: { kind: 'account', id: me.id }, resource: 'sessions', limit: 1, used: 1, requested: 1 }],
  })
})

test('an unhealthy provider makes the wait unknown', async () => {
  await api.db.updateTable('provider_health').set({ state: 'open' }).execute()
  expect((await preview({}, (await api.person()).token)).body.expectedWaitSeconds).toBeNull()
  await api.db.updateTable('provider_health').set({ state: 'closed' }).execute()
})

test('it refuses what creating would refuse', async () => {
  expect((await preview({ size: 'huge' })).body).toMatchObject({ status: 422, errors: [{ pointer: '/size' }] })
  expect((await preview({ templateId: 't00000000000' })).status).toBe(404)
  expect((await preview({ projectId: (await api.person()).projectId })).status).toBe(404)
  expect((await api.call('POST', '/v1/session-previews', { body: { templateId } })).status).toBe(401)
})
