import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { retryAfterSeconds } from '../../api/maintenance/refusal.ts'
import { admitSession } from '../../db/admission.ts'
import { waitForLocks } from '../../db/connect.ts'
import { endMaintenance, holdMaintenance, putMaintenance } from '../../db/maintenance.ts'
import type { SessionId } from '../../domain/ids.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { holding, untilBlocked } from '../setup/blocked.ts'

let api: TestApi
let me: Person
let operator: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  operator = await api.person({ roles: ['operator'] })
  templateId = await api.template()
})
afterEach(async () => {
  await end()
})
afterAll(() => api.close())

const put = (body: object, match: string | null = '*', token = operator.token) =>
  api.call('PUT', '/v1/admin/maintenance', {
    token,
    body: { text: 'The storage moves.', reason: 'Ticket 7', ...body },
    headers: match === null ? {} : { 'if-match': match },
  })
const end = (token = operator.token) =>
  api.call('POST', '/v1/admin/maintenance/end', { token, body: { reason: 'It is done.' }, key: null })
const read = (token = operator.token) => api.call('GET', '/v1/admin/maintenance', { token })
const create = (key: string = randomUUID()) =>
  api.call('POST', '/v1/sessions', { token: me.token, body: { templateId }, key, headers: { prefer: 'respond-async' } })
const key = (sessionId: SessionId) => ({ sessionId, generation: 1 })
const stateOf = async (id: SessionId) =>
  await api.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

test('during maintenance nobody starts a session: everybody reads why, until when, and when to come back', async () => {
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const on = await put({ until })
  expect(on.status).toBe(200)
  expect(on.body.maintenance).toMatchObject({ text: 'The storage moves.', until })
  const intent = randomUUID()
  const refused = await create(intent)
  expect(refused.body).toMatchObject({ status: 503, code: 'maintenance', detail: 'The storage moves.', until })
  const seconds = Number(refused.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(3_500)
  expect(seconds).toBeLessThanOrEqual(3_600)
  expect(await api.db.selectFrom('session').select('id').where('owner_id', '=', me.id).execute()).toEqual([])
  expect((await api.call('GET', '/v1/status')).body.maintenance).toEqual(on.body.maintenance)

  const over = await end()
  expect([over.status, over.body]).toEqual([200, { maintenance: null }])
  expect((await api.call('GET', '/v1/status')).body.maintenance).toBeNull()
  expect((await create(intent)).status).toBe(202)
})

test('what was asked before is found by its key, waits for its decision, and is decided afterwards', async () => {
  const intent = randomUUID()
  const { id } = (await create(intent)).body
  await put({})
  expect(await admitSession(api.db, key(id))).toEqual({ kind: 'waits' })
  expect((await stateOf(id)).state).toBe('requested')
  const replay = await create(intent)
  expect([replay.status, replay.body.id]).toEqual([202, id])
  const { wake_version: before } = await stateOf(id)
  await end()
  expect((await stateOf(id)).wake_version).toBe(before + 1)
  expect(await admitSession(api.db, key(id))).toEqual({ kind: 'admitted' })
})

test('what is decided stays so, and what is to end is not held up', async () => {
  const [admitted, withdrawn] = [(await create()).body.id, (await create()).body.id]
  await admitSession(api.db, key(admitted))
  await put({})
  expect(await admitSession(api.db, key(admitted))).toEqual({ kind: 'admitted' })
  expect((await api.call('DELETE', `/v1/sessions/${withdrawn}`, { token: me.token })).status).toBe(202)
  expect(await admitSession(api.db, key(withdrawn))).toEqual({ kind: 'withdrawn' })
})

test('who switches maintenance on waits for what is being recorded, and who records sees what was switched', async () => {
  // record:  hold ──────────────────── commit
  // switch:        put (waits) ················ on
  await holding(api.db, holdMaintenance, () =>
    api.db.transaction().execute((trx) => putMaintenance(trx, { text: 'On', until: null }, null)),
  )
  expect((await read()).body.maintenance).toMatchObject({ text: 'On', until: null })
  await api.db.transaction().execute(endMaintenance)
  // switch:  put ──────────────────── commit
  // record:        hold (waits) ··············· refused
  const refused = await holding(
    api.db,
    (trx) => putMaintenance(trx, { text: 'On again', until: null }, null),
    () => create(),
  )
  expect(refused.body).toMatchObject({ status: 503, code: 'maintenance', detail: 'On again', until: null })
  expect(refused.headers.get('retry-after')).toBe('300')
})

test('who switches waits longer than others wait for a lock, and no longer than usual for what comes then', async () => {
  // record:  hold ── (waits for a quota row, longer than the usual wait) ── commit
  // switch:        put (waits) ············································ on
  const usualMs = 100
  const waited = async () => {
    const { rows } = await sql<{ ms: number }>`
      select (extract(epoch from max(clock_timestamp() - query_start)) * 1000)::float8 as ms from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(api.db)
    return rows[0]?.ms ?? 0
  }
  const switched = await api.db.transaction().execute(async (record) => {
    await holdMaintenance(record)
    const on = api.db.transaction().execute(async (trx) => {
      await waitForLocks(trx, usualMs)
      await putMaintenance(trx, { text: 'On', until: null }, null)
      return (await sql<{ lock_timeout: string }>`show lock_timeout`.execute(trx)).rows
    })
    on.catch(() => {})
    await expect.poll(waited, { timeout: 4_000, interval: 20 }).toBeGreaterThan(3 * usualMs)
    return { on }
  })
  expect(await switched.on).toEqual([{ lock_timeout: '5s' }])
})

test('a steady stream of requests does not keep anybody from switching', async () => {
  // record: hold ───────────────────────────── commit
  // switch:       put (waits) ························· on
  // record:                    hold (waits behind) ········ refused
  const [switched, refused] = await api.db.transaction().execute(async (trx) => {
    await holdMaintenance(trx)
    const on = put({})
    await untilBlocked(api.db, 1)
    const late = create()
    await untilBlocked(api.db, 2)
    return [on, late] as const
  })
  expect([(await switched).status, (await refused).body.code]).toEqual([200, 'maintenance'])
})

test('a preview says so too', async () => {
  await put({})
  const seen = await api.call('POST', '/v1/session-previews', { token: me.token, body: { templateId }, key: null })
  expect(seen.body).toMatchObject({
    admitted: false,
    code: 'maintenance',
    violations: [],
    expectedWaitSeconds: null,
    maintenance: { text: 'The storage moves.' },
  })
  await end()
  const after = await api.call('POST', '/v1/session-previews', { token: me.token, body: { templateId }, key: null })
  expect(after.body).toMatchObject({ admitted: true, code: null, maintenance: null })
})

test('it is changed over what was read; since when stays; every change is audited with its reason', async () => {
  const etag = (await read()).headers.get('etag') ?? ''
  const first = await put({}, etag)
  expect(first.status).toBe(200)
  expect((await put({ text: 'Other' }, etag)).body).toMatchObject({ status: 412, code: 'precondition_failed' })
  expect((await put({}, null)).status).toBe(428)
  const changed = await put({ text: 'Longer than thought.' }, first.headers.get('etag') ?? '')
  const since = (answer: typeof first) => (answer.body.maintenance as { since: string }).since
  expect(since(changed)).toBe(since(first))
  expect((await read()).body).toEqual(changed.body)
  await end()
  expect((await end()).body).toEqual({ maintenance: null })
  const audit = await api.db
    .selectFrom('audit_event')
    .select(['action', 'outcome', 'code', 'subject_kind', 'detail'])
    .where('action', 'in', ['putMaintenance', 'endMaintenance'])
    .orderBy('id', 'desc')
    .limit(6)
    .execute()
  const about = { subject_kind: 'installation' }
  const told = { text: 'The storage moves.', until: null, reason: 'Ticket 7' }
  const ended = {
    action: 'endMaintenance',
    outcome: 'accepted',
    code: null,
    ...about,
    detail: { reason: 'It is done.' },
  }
  const set = { action: 'putMaintenance', ...about, detail: told }
  expect(audit.reverse()).toEqual([
    { ...set, outcome: 'accepted', code: null },
    { ...set, outcome: 'refused', code: 'precondition_failed', detail: { ...told, text: 'Other' } },
    { ...set, outcome: 'refused', code: 'precondition_required' },
    { ...set, outcome: 'accepted', code: null, detail: { ...told, text: 'Longer than thought.' } },
    ended,
    ended,
  ])
})

test('who was refused because of it is in the audit, and counted apart from what failed', async () => {
  const somebody = await api.person()
  await put({ until: new Date(Date.now() + 3_600_000).toISOString() })
  const ask = { token: somebody.token, body: { templateId }, headers: { prefer: 'respond-async' } }
  expect((await api.call('POST', '/v1/sessions', ask)).body.code).toBe('maintenance')
  // The alarm on errors leaves it out by this.
  const { text } = await api.call('GET', '/metrics', { token: operator.token })
  expect(text).toMatch(/^carrel_http_request_seconds_count\{(?=.*operation="createSession")(?=.*code="maintenance")/m)
  const audit = await api.db.selectFrom('audit_event').selectAll().where('account_id', '=', somebody.id).execute()
  expect(audit).toMatchObject([
    { action: 'createSession', outcome: 'refused', code: 'maintenance', subject_kind: 'project' },
  ])
})

test.each([
  [{ until: '2020-01-01T00:00:00Z' }, '/until'],
  [{ until: 'tomorrow' }, '/until'],
  [{ text: '' }, '/text'],
  [{ text: 'x'.repeat(501) }, '/text'],
  [{ text: 'a\nb' }, '/text'],
  [{ reason: '' }, '/reason'],
  [{ since: null }, '/since'],
])('%j is no maintenance', async (body, pointer) => {
  const refused = await put(body)
  expect([refused.status, refused.body.errors[0]?.pointer]).toEqual([422, pointer])
})

test('it is for operators', async () => {
  expect((await put({}, '*', me.token)).status).toBe(403)
  expect((await end(me.token)).status).toBe(403)
  expect((await read(me.token)).status).toBe(403)
  for (const ask of [
    api.call('GET', '/v1/admin/maintenance'),
    api.call('PUT', '/v1/admin/maintenance', { body: { text: 'x', reason: 'x' } }),
    api.call('POST', '/v1/admin/maintenance/end', { body: { reason: 'x' } }),
  ])
    expect((await ask).status).toBe(401)
})

test('who is told to come back is told a time to come', () => {
  const now = new Date(10_000)
  expect(retryAfterSeconds({ until: new Date(12_500) }, now)).toBe(3)
  expect(retryAfterSeconds({ until: null }, now)).toBe(300)
  expect(retryAfterSeconds({ until: new Date(9_000) }, now)).toBe(300)
})
