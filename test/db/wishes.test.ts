import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Trx } from '../../db/connect.ts'
import { startApi } from '../setup/api.ts'
import type { Answer, AnyId, Person, TestApi } from '../setup/api.ts'
import { holding } from '../setup/blocked.ts'

// A wish is recorded in one statement. What is recorded so, and what becomes of it where something stands in its way, is what
// the careful way would make of it.

let api: TestApi
let templateId: string

beforeAll(async () => {
  api = await startApi()
  templateId = await api.template()
})
afterAll(() => api.close())

const create = (me: Person, body: object = {}, key: string = randomUUID()): Promise<Answer> =>
  api.call('POST', '/v1/sessions', {
    token: me.token,
    body: { templateId, ...body },
    key,
    headers: { prefer: 'respond-async' },
  })
const row = (id: AnyId) => api.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
const recordedOf = async (me: Person) => ({
  sessions: await api.db.selectFrom('session').select('id').where('owner_id', '=', me.id).execute(),
  keys: await api.db.selectFrom('idempotency_key').select('key').where('account_id', '=', me.id).execute(),
})

test('what is answered at once is what is read afterwards, and is announced', async () => {
  const me = await api.person()
  const heard: string[] = []
  const wakes: string[] = []
  const deaf = [
    api.listener.on('carrel_event', (id) => heard.push(id)),
    api.listener.on('carrel_wake', (text) => wakes.push(text)),
  ]
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const wishes = [{}, { name: 'Mine', size: 'large', parameters: { threads: 3 }, expiresAt, projectId: me.projectId }]
  for (const wish of wishes) {
    const made = await create(me, wish)
    expect(made.status).toBe(202)
    const read = await api.call('GET', `/v1/sessions/${made.body.id}`, { token: me.token })
    expect(made.body).toEqual(read.body)
    await expect.poll(() => heard, { timeout: 10_000 }).toContain(made.body.id)
    expect(wakes.length).toBeGreaterThan(0)
    const lines = await api.db
      .selectFrom('session_event as e')
      .innerJoin('session as s', 's.id', 'e.session_id')
      .select(['e.seq', 'e.type', 'e.data', sql<boolean>`e.xid = s.event_xid and e.epoch = s.event_epoch`.as('same')])
      .where('e.session_id', '=', made.body.id)
      .execute()
    expect(lines).toEqual([{ seq: 1, type: 'session.state', data: { state: 'requested' }, same: true }])
    const audit = await api.db
      .selectFrom('audit_event')
      .select(['account_id', 'client', 'action', 'outcome', 'detail'])
      .where('subject_id', '=', made.body.id)
      .execute()
    expect(audit).toEqual([
      { account_id: me.id, client: expect.any(String), action: 'createSession', outcome: 'accepted', detail: {} },
    ])
  }
  for (const stop of deaf) stop()
})

test('an account that is disabled meanwhile: its session is recorded, and asked to stop', async () => {
  // disable: update account ── (held) ──────────── commit
  // record:                     lock (waits) ····· nothing ── once more, with care
  const me = await api.person()
  const disable = (trx: Trx) =>
    sql`update account set disabled_at = now(), version = version + 1 where id = ${me.id}`.execute(trx)
  const made = await holding(api.db, disable, () => create(me))
  expect(made.status).toBe(202)
  expect(await row(made.body.id)).toMatchObject({ stop_reason: 'account_disabled', event_seq: 2 })
})

test('a project that is closed meanwhile: its session is recorded, and asked to stop', async () => {
  const me = await api.person()
  const close = (trx: Trx) => sql`update project set closed_at = now() where id = ${me.projectId}`.execute(trx)
  const made = await holding(api.db, close, () => create(me))
  expect(await row(made.body.id)).toMatchObject({ stop_reason: 'project_closed', event_seq: 2 })
})

test('of an account whose erasure is asked for meanwhile nothing is recorded, not even the key', async () => {
  const me = await api.person()
  const erase = (trx: Trx) =>
    sql`update account set disabled_at = now(), erase_requested_at = now() where id = ${me.id}`.execute(trx)
  const refused = await holding(api.db, erase, () => create(me))
  expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
  expect(await recordedOf(me)).toEqual({ sessions: [], keys: [] })
})

test('a key that another takes meanwhile stands for what that one made', async () => {
  // other:  insert key ── (held) ──────────── commit
  // record:               key (waits) ······· nothing ── once more: replay
  const me = await api.person()
  const first = await create(me)
  const key = randomUUID()
  const { body_hmac, client, operation } = await api.db
    .selectFrom('idempotency_key')
    .selectAll()
    .where('account_id', '=', me.id)
    .executeTakeFirstOrThrow()
  const take = (trx: Trx) =>
    trx
      .insertInto('idempotency_key')
      .values({ account_id: me.id, client, operation, key, body_hmac, resource_id: first.body.id })
      .execute()
  const replayed = await holding(api.db, take, () => create(me, {}, key))
  expect([replayed.status, replayed.body.id]).toEqual([202, first.body.id])
  expect((await recordedOf(me)).sessions).toHaveLength(1)
})
