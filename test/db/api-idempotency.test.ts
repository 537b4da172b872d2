import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pruneKeys } from '../../db/idempotency.ts'
import { callApp, startApi } from '../setup/api.ts'
import type { Ask, Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  templateId = await api.template()
})
beforeEach(async () => {
  me = await api.person()
})
afterAll(() => api.close())

const wish = (body: object = {}, prefer = 'respond-async'): Ask => ({
  token: me.token,
  body: { templateId, ...body },
  headers: { prefer },
})
const create = (body?: object, prefer?: string) => api.call('POST', '/v1/sessions', wish(body, prefer))

/** Limits what the account may hold. */
const limit = (sessions: number, cpuMilli: number | null = null) =>
  api.db
    .updateTable('quota')
    .set({ sessions, cpu_milli: cpuMilli })
    .where('payer_kind', '=', 'account')
    .where('payer_id', '=', me.id)
    .execute()

test('300 replays of one key at once are one session, and equal decisions', async () => {
  // 1 … 300:  insert key ── (one wins) insert session ── commit
  //           insert key ── waits ······················ do nothing ── read the winner's id
  const deciding = api.deciding()
  const key = randomUUID()
  const other = api.another()
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      callApp(i % 2 === 0 ? api.app : other, 'POST', '/v1/sessions', { ...wish({}, 'wait=60'), key }),
    ),
  )
  await deciding.stop()
  expect(new Set(answers.map((a) => a.status))).toEqual(new Set([201]))
  expect(new Set(answers.map((a) => a.body.id)).size).toBe(1)
  expect(new Set(answers.map((a) => a.body.state))).toEqual(new Set(['provisioning']))
  const rows = await api.db.selectFrom('session').select('id').where('owner_id', '=', me.id).execute()
  expect(rows).toHaveLength(1)
})

test('a replay renders what is decided: refused stays refused also when there is room again', async () => {
  await limit(0)
  const key = randomUUID()
  const asked = await api.call('POST', '/v1/sessions', { ...wish(), key })
  expect(asked.status).toBe(202)
  await api.decide(asked.body.id)
  await limit(5)
  const again = await api.call('POST', '/v1/sessions', { ...wish(), key })
  expect([again.status, again.body.code]).toEqual([403, 'exceeds_limit'])
  expect(again.headers.get('location')).toBe(`/v1/sessions/${asked.body.id}`)
})

test('a replay finds its session also when its template has gone; the order of members does not matter', async () => {
  const key = randomUUID()
  const body = { templateId, size: 'small', parameters: { threads: 3 } }
  const first = await api.call('POST', '/v1/sessions', { ...wish(body), key })
  const turned = JSON.stringify({ parameters: { threads: 3 }, size: 'small', templateId })
  const again = await api.call('POST', '/v1/sessions', { ...wish(), body: turned, key })
  expect(again.body.id).toBe(first.body.id)
})

test('the same key with another body is refused; another client or account has keys of its own', async () => {
  const key = randomUUID()
  const first = await api.call('POST', '/v1/sessions', { ...wish(), key })
  const reused = await api.call('POST', '/v1/sessions', { ...wish({ size: 'large' }), key })
  expect([reused.status, reused.body.code]).toEqual([422, 'idempotency_key_reused'])
  const otherClient = await api.token(me.id, undefined, 'portal')
  const second = await api.call('POST', '/v1/sessions', { ...wish(), token: otherClient, key })
  expect(second.status).toBe(202)
  expect(second.body.id).not.toBe(first.body.id)
})

test('without a key nothing is made', async () => {
  const refused = await api.call('POST', '/v1/sessions', { ...wish(), key: null })
  expect(refused.body).toMatchObject({
    status: 422,
    code: 'invalid_request',
    errors: [{ in: 'header', pointer: '/idempotency-key' }],
  })
})

test('200 creates at once are all answered in the usual time, though nobody decides them', async () => {
  const begun = Date.now()
  const answers = await Promise.all(Array.from({ length: 200 }, () => create({}, 'wait=2')))
  expect(answers.filter((a) => a.status !== 202)).toEqual([])
  expect(Date.now() - begun).toBeLessThan(30_000)
})

test('while 100 creates wait for their decision, others are answered at once', async () => {
  const waiting = Array.from({ length: 100 }, () => create({}, 'wait=60'))
  await expect
    .poll(
      async () => (await api.db.selectFrom('session').select('id').where('owner_id', '=', me.id).execute()).length,
      { timeout: 20_000 },
    )
    .toBe(100)
  const begun = Date.now()
  expect((await api.call('GET', '/v1/whoami', { token: me.token })).status).toBe(200)
  expect(Date.now() - begun).toBeLessThan(15_000)
  const deciding = api.deciding()
  const answers = await Promise.all(waiting)
  await deciding.stop()
  expect(new Set(answers.map((a) => a.status))).toEqual(new Set([201]))
})

test('a key is forgotten after a day, but never before its session is decided', async () => {
  const [undecided, decided] = [(await create()).body.id, (await create()).body.id]
  await api.decide(decided)
  const fresh = (await create()).body.id
  await api.decide(fresh)
  const keys = async () => {
    const rows = await api.db
      .selectFrom('idempotency_key')
      .select('resource_id')
      .where('account_id', '=', me.id)
      .execute()
    return rows.map((row) => row.resource_id).toSorted()
  }
  await api.db
    .updateTable('idempotency_key')
    .set({ created_at: new Date(Date.now() - 25 * 3_600_000) })
    .where('resource_id', 'in', [undecided, decided])
    .execute()
  await pruneKeys(api.db, 500)
  expect(await keys()).toEqual([undecided, fresh].toSorted())
  await api.decide(undecided)
  await pruneKeys(api.db, 500)
  expect(await keys()).toEqual([fresh])
})
