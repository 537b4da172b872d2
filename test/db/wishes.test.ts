import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Trx } from '../../db/connect.ts'
import { armInstallation } from '../../db/epoch.ts'
import { readFeed, recordEvent } from '../../db/events.ts'
import type { FeedCursor } from '../../db/events.ts'
import { endMaintenance, holdMaintenance } from '../../db/maintenance.ts'
import type { SessionId } from '../../domain/ids.ts'
import { startApi } from '../setup/api.ts'
import type { Answer, AnyId, Person, TestApi } from '../setup/api.ts'
import { holding, untilBlocked } from '../setup/blocked.ts'

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
  // record:                     locked: nothing ── once more, with care: lock (waits) ··· asked to stop
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

const disarm = () =>
  api.db.updateTable('installation').set({ disarmed_at: new Date(), disarmed_reason: 'restored' }).execute()
const arm = () => api.db.transaction().execute(armInstallation)
const epoch = async () => (await api.db.selectFrom('installation').select('epoch').executeTakeFirstOrThrow()).epoch

test('of a wish that waits while the installation is armed, a reader of the feed misses no line', async () => {
  // shared: held ───────────────────────────────────────────── commit
  // switch:   waits ·········································· done
  // record:     (snapshot) waits ···························· its line
  // arm:          waits as well, or readers would go on in its epoch before that line of the old one is there
  const [me, other] = [await api.person(), await api.person()]
  const earlier: SessionId = (await create(other)).body.id
  await disarm()
  const read: string[] = []
  let cursor: FeedCursor | null = null
  const readOn = async () => {
    for (const line of await readFeed(api.db, { viewer: null }, cursor, 1_000)) {
      read.push(`${line.sessionId} ${line.type}`)
      cursor = line.cursor
    }
    return read
  }
  const { all } = await api.db.transaction().execute(async (trx) => {
    await holdMaintenance(trx)
    const switched = api.db.transaction().execute(endMaintenance)
    switched.catch(() => {})
    await untilBlocked(api.db)
    const made = create(me)
    made.catch(() => {})
    await untilBlocked(api.db, 2)
    const next = (async () => {
      await arm()
      await api.db.transaction().execute((t) => recordEvent(t, earlier, 'session.progress', {}))
      await expect.poll(readOn, { timeout: 50_000 }).toContain(`${earlier} session.progress`)
    })()
    next.catch(() => {})
    await Promise.race([next, untilBlocked(api.db, 3)])
    return { all: Promise.all([made, switched, next]) }
  })
  const [made] = await all
  await expect.poll(readOn).toContain(`${made.body.id} session.state`)
})

test('a wish that comes while the installation is being armed is of the new epoch', async () => {
  // shared: held ────────── commit
  // arm:       waits ─────────────── new epoch
  // record:       (snapshot) waits ───────────── its line
  const me = await api.person()
  await disarm()
  const before = await epoch()
  const [arming, making] = await api.db.transaction().execute(async (trx) => {
    await holdMaintenance(trx)
    const armed = arm()
    armed.catch(() => {})
    await untilBlocked(api.db)
    const made = create(me)
    made.catch(() => {})
    await untilBlocked(api.db, 2)
    return [armed, made] as const
  })
  expect(await arming).toBe('armed')
  expect((await row((await making).body.id)).event_epoch).toBe(before + 1)
})
