import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { admitSession } from '../../db/admission.ts'
import { lookAt } from '../../db/look.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

// Round trips are most of what a short request costs. Whoever adds one to these should mean it.

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  templateId = await api.template()
  me = await api.person()
})
afterAll(() => api.close())

/** How many statements, `begin` and `commit` included, the work sends; without announcements, each of which is for many. */
async function statements(work: () => Promise<unknown>): Promise<number> {
  const sent = vi.spyOn(pg.Client.prototype, 'query')
  try {
    await work()
    return sent.mock.calls.filter(([query]) => !JSON.stringify(query).includes('pg_notify')).length
  } finally {
    sent.mockRestore()
  }
}

const create = async () => {
  const headers = { prefer: 'respond-async' }
  const made = await api.call('POST', '/v1/sessions', { token: me.token, body: { templateId }, headers })
  expect(made.status).toBe(202)
  return made.body.id
}

test('accepting, looking, deciding, reading, listing and stopping a session take few statements', async () => {
  // The use of a token is noted once a minute.
  const id = await create()
  const get = async (path: string) => expect((await api.call('GET', path, { token: me.token })).status).toBe(200)
  expect(await statements(create)).toBeLessThanOrEqual(3)
  expect(await statements(async () => await get(`/v1/sessions/${id}`))).toBeLessThanOrEqual(1)
  // What changed since it was read last is read once more.
  expect(await statements(async () => await get('/v1/sessions'))).toBeLessThanOrEqual(3)
  expect(await statements(async () => await get('/v1/sessions'))).toBeLessThanOrEqual(2)
  const key = { sessionId: id, generation: 1 }
  const look = async () => expect((await lookAt(api.db, id, defaultTimings))?.state).toBe('requested')
  expect(await statements(look)).toBeLessThanOrEqual(2)
  expect(
    await statements(async () => expect((await admitSession(api.db, key)).kind).toBe('admitted')),
  ).toBeLessThanOrEqual(6)
  const stop = async () => await api.call('DELETE', `/v1/sessions/${id}`, { token: me.token })
  expect(await statements(stop)).toBeLessThanOrEqual(8)
})
