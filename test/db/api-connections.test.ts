import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import { secrets, startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { makeReady } from '../setup/ready-session.ts'

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  templateId = await api.template({
    doors: {
      web: {
        protocol: 'http',
        port: 8_888,
        modes: ['control', 'view'],
        path: '/lab?token={secret}',
        readOnly: { port: 8_889 },
      },
      files: { protocol: 'http', port: 9_999, modes: ['control'] },
    },
  })
})
afterAll(() => api.close())

const begin = async (token = me.token): Promise<SessionId> => {
  const made = await api.call('POST', '/v1/sessions', {
    token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  return made.body.id
}
const ready = async (text = 's3cret/+'): Promise<SessionId> => {
  const id = await begin()
  const secret = secrets.encrypt({ table: 'instance', column: 'secret', id: `${id}/1` }, text)
  await makeReady(api.db, id, {
    endpoints: [{ port: 8_888, host: '10.1.2.3', hostPort: 32_768 }],
    secret,
    lifetimeMs: 60_000,
  })
  return id
}
const open = (id: string, body: object = { door: 'web' }, token = me.token) =>
  api.call('POST', `/v1/sessions/${id}/connections`, { token, body, key: null })

test('a door of a ready session opens, with the secret filled in, and that is noted', async () => {
  const id = await ready()
  const opened = await open(id)
  expect(opened.status).toBe(201)
  expect(opened.headers.get('cache-control')).toBe('no-store')
  expect(opened.body.url).toBe('http://10.1.2.3:32768/lab?token=s3cret%2F%2B')
  expect(Date.parse(opened.body.expiresAt) - Date.now()).toBeGreaterThan(30_000)
  const events = (await api.call('GET', `/v1/sessions/${id}/events`, { token: me.token })).body.items
  expect(events.at(-1)).toMatchObject({
    type: 'connection.opened',
    data: { door: 'web', mode: 'control', accountId: me.id },
  })
  const audit = await api.db.selectFrom('audit_event').selectAll().where('subject_id', '=', id).execute()
  expect(audit.at(-1)).toMatchObject({ action: 'openConnection', outcome: 'accepted' })
  const session = await api.call('GET', `/v1/sessions/${id}`, { token: me.token })
  expect(JSON.stringify([events, audit, session.body, api.logged])).not.toMatch(/s3cret|10\.1\.2\.3/)
})

test.each([
  [{ door: 'desktop' }, 'door_unknown', '/door'],
  [{ door: 'constructor' }, 'door_unknown', '/door'],
  [{ door: 'files', mode: 'view' }, 'mode_unsupported', '/mode'],
  // A direct address cannot keep anybody from touching what they may only look at.
  [{ door: 'web', mode: 'view' }, 'mode_unsupported', '/mode'],
  [{ door: 'web', mode: 'dance' }, 'invalid_request', '/mode'],
])('%j is refused: %s', async (body, code, pointer) => {
  const refused = await open(await ready(), body)
  expect(refused.body).toMatchObject({ status: 422, code, errors: [{ in: 'body', pointer }] })
})

test('before it is ready, or where the door does not answer, it is 409', async () => {
  expect((await open(await begin())).body).toMatchObject({ status: 409, code: 'not_ready' })
  expect((await open(await ready(), { door: 'files' })).body).toMatchObject({ status: 409, code: 'not_ready' })
})

test('where the session is known by its certificate, nobody is led to it without the gateway', async () => {
  const id = await ready()
  const pinned = [{ port: 8_888, host: '10.1.2.3', hostPort: 20_317, fingerprint: 'ab'.repeat(32) }]
  await api.db
    .updateTable('instance')
    .set({ endpoints: JSON.stringify(pinned) })
    .where('session_id', '=', id)
    .execute()
  expect((await open(id)).body).toMatchObject({ status: 409, code: 'not_ready' })
})

test('from the moment a stop is asked, the time is over or a right is withdrawn, no door opens', async () => {
  const stopped = await ready()
  await api.call('DELETE', `/v1/sessions/${stopped}`, { token: me.token })
  expect((await open(stopped)).status).toBe(403)
  const over = await ready()
  await api.db
    .updateTable('session')
    .set({ lifetime_ends_at: new Date(Date.now() - 1) })
    .where('id', '=', over)
    .execute()
  expect((await open(over)).status).toBe(403)
  const left = await ready()
  await api.db.updateTable('project_member').set({ role: 'viewer' }).where('account_id', '=', me.id).execute()
  expect((await open(left)).status).toBe(403)
  await api.db.updateTable('project_member').set({ role: 'owner' }).where('account_id', '=', me.id).execute()
})

test('others, operators too, do not open it', async () => {
  const id = await ready()
  expect((await open(id, { door: 'web' }, (await api.person()).token)).status).toBe(404)
  expect((await open(id, { door: 'web' }, (await api.person({ roles: ['operator'] })).token)).status).toBe(403)
})

test('an installation without direct doors has no way in', async () => {
  const id = await ready()
  const strict = api.another({ directDoors: false })
  const answer = await strict.app.request(`/v1/sessions/${id}/connections`, {
    method: 'POST',
    headers: { authorization: `Bearer ${me.token}`, 'content-type': 'application/json' },
    body: '{"door":"web"}',
  })
  expect(answer.status).toBe(409)
})
