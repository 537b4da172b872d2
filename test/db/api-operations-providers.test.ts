import { afterAll, beforeAll, expect, test } from 'vitest'
import { dispatch } from '../../db/dispatch.ts'
import { shutProvider } from '../../db/provider-shut.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { holding } from '../setup/blocked.ts'

let api: TestApi
let me: Person
let operator: Person
let templateId: string
const fake = 'fake' as ProviderId

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  operator = await api.person({ roles: ['operator'] })
  templateId = await api.template()
  await api.db
    .insertInto('provider')
    .values({ id: 'other' as ProviderId, kind: 'fake', origin: 'api', start_limit: 3 })
    .execute()
  await api.db.insertInto('quota').values({ payer_kind: 'provider', payer_id: 'other' }).execute()
})
afterAll(() => api.close())

const get = (path = '', token = operator.token) => api.call('GET', `/v1/providers${path}`, { token })
const command = (name: string, id = 'fake', token = operator.token) =>
  api.call('POST', `/v1/providers/${id}/${name}`, { token, body: { reason: 'Its disks.' }, key: null })
const create = () =>
  api.call('POST', '/v1/sessions', { token: me.token, body: { templateId }, headers: { prefer: 'respond-async' } })
const session = async (): Promise<SessionId> => (await create()).body.id
const row = (id: SessionId) => api.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

test('an operator sees how a provider is, and nothing of its settings or of what its backend said', async () => {
  await api.decide(await session())
  await session()
  const at = new Date()
  await api.db
    .updateTable('provider')
    .set({ settings: JSON.stringify({ host: 'the-host' }) })
    .where('id', '=', fake)
    .execute()
  await api.db
    .updateTable('provider_health')
    .set({ state: 'open', failures: 3, retry_at: at, since: at, detail: 'the-words', observed_at: at })
    .execute()
  await api.db.updateTable('sweep').set({ disarmed_at: at, withheld: 9, last_run_at: at, last_whole_at: at }).execute()
  await api.db
    .insertInto('drift')
    .values(
      (['orphan_instance', 'orphan_instance', 'unknown_instance'] as const).map((kind, i) => ({
        provider_id: fake,
        kind,
        subject: `n${i}`,
      })),
    )
    .execute()
  const seen = await get('/fake')
  const time = at.toISOString()
  expect(seen.body).toEqual({
    id: 'fake',
    kind: 'fake',
    origin: 'configuration',
    startLimit: 1_000,
    networks: [],
    classes: [],
    settings: null,
    secrets: [],
    version: 1,
    capabilities: null,
    openFault: null,
    disabledAt: null,
    drainingSince: null,
    breaker: { state: 'open', since: time, retryAt: time, failures: 3 },
    observedAt: time,
    served: false,
    servedAt: null,
    sessions: { requested: 1, provisioning: 1 },
    held: { sessions: 1, cpuMilli: 1_000, memoryMib: 1_024, diskMib: 0, gpus: 0 },
    sweep: { armed: false, disarmedAt: time, withheld: 9, lastRunAt: time, lastWholeAt: time },
    drift: { orphan_instance: 2, unknown_instance: 1 },
  })
  expect((await get()).body).toMatchObject({ items: [seen.body, { id: 'other', drift: {} }], nextCursor: null })
  await api.db.updateTable('provider_health').set({ state: 'closed', retry_at: null }).execute()
})

test('one that no worker has ever served is down, in the status and in the list', async () => {
  const unserved = { state: 'down', since: null, checkedAt: null }
  const workers = async () => {
    const { dependencies } = (await api.call('GET', '/v1/status')).body as unknown as {
      dependencies: { name: string }[]
    }
    return dependencies.filter((d) => d.name.startsWith('worker/'))
  }
  expect(await workers()).toMatchObject([
    { name: 'worker/core', ...unserved },
    { name: 'worker/provider/fake', ...unserved },
    { name: 'worker/provider/other', ...unserved },
  ])
  const at = new Date()
  await api.db
    .insertInto('beat')
    .values([
      { role: 'core', at },
      { role: 'provider/fake', at },
    ])
    .execute()
  expect(await workers()).toMatchObject([
    { name: 'worker/core', state: 'ok' },
    { name: 'worker/provider/fake', state: 'ok' },
    { name: 'worker/provider/other', ...unserved },
  ])
  expect((await get()).body.items).toMatchObject([
    { id: 'fake', served: true, servedAt: at.toISOString() },
    { id: 'other', served: false, servedAt: null },
  ])
  await api.db
    .updateTable('beat')
    .set({ at: new Date(Date.now() - 60_000) })
    .execute()
  expect((await get('/fake')).body).toMatchObject({ served: false, servedAt: expect.any(String) as string })
  await api.db
    .updateTable('provider')
    .set({ disabled_at: at })
    .where('id', '=', 'other' as ProviderId)
    .execute()
  expect((await workers()).map((worker) => worker.name)).toEqual(['worker/core', 'worker/provider/fake'])
  await api.db.updateTable('provider').set({ disabled_at: null }).execute()
  await api.db.deleteFrom('beat').execute()
})

test('providers are listed by id, page by page', async () => {
  const first = await get('?limit=1')
  expect(first.body.items.map((p) => p.id)).toEqual(['fake'])
  const second = await get(`?limit=1&cursor=${first.body.nextCursor}`)
  expect([second.body.items.map((p) => p.id), second.body.nextCursor]).toEqual([['other'], null])
})

test('where a provider drains nobody begins; afterwards those who waited are woken, and begin', async () => {
  await api.db.updateTable('provider').set({ start_limit: 2 }).where('id', '=', fake).execute()
  const waiting = [await session(), await session(), await session()]
  await api.db
    .updateTable('session')
    .set({ state: 'queued', waiting_for: 'provider_busy', queued_at: new Date() })
    .where('id', 'in', waiting)
    .execute()
  await api.db.updateTable('session').set({ state: 'ready' }).where('state', '=', 'provisioning').execute()

  const drained = await command('drain')
  expect([drained.status, drained.body.drainingSince]).toEqual([200, expect.any(String)])
  expect((await row(waiting[0] as SessionId)).waiting_for).toBe('provider_unavailable')
  expect(await dispatch(api.db, fake, 1_000)).toEqual([])
  const refused = await create()
  expect([refused.status, refused.body.code]).toEqual([422, 'provider_unknown'])
  expect((await command('drain')).body.drainingSince).toBe(drained.body.drainingSince)

  const open = await command('undrain')
  expect([open.status, open.body.drainingSince]).toEqual([200, null])
  const woken = await Promise.all(waiting.map(row))
  expect(woken.filter((s) => s.wake_version === 2)).toHaveLength(2)
  expect(await dispatch(api.db, fake, 1_000)).toHaveLength(2)
  expect((await command('undrain')).status).toBe(200)
  const audit = await api.db
    .selectFrom('audit_event')
    .select(['action', 'outcome', 'subject_kind', 'subject_id', 'detail'])
    .where('action', '=', 'drainProvider')
    .execute()
  const line = { outcome: 'accepted', subject_kind: 'provider', subject_id: 'fake', detail: { reason: 'Its disks.' } }
  expect(audit).toEqual([
    { action: 'drainProvider', ...line },
    { action: 'drainProvider', ...line },
  ])
})

test('a dispatch that comes while a provider is being drained begins nobody', async () => {
  // drain:     lock ── draining ──────────── commit
  // dispatch:          lock (waits) ················ nobody
  const id = await session()
  await api.db.updateTable('provider').set({ start_limit: 1_000 }).where('id', '=', fake).execute()
  await api.db.updateTable('session').set({ state: 'queued', queued_at: new Date() }).where('id', '=', id).execute()
  const begun = await holding(
    api.db,
    (trx) => shutProvider(trx, fake, 'draining'),
    () => dispatch(api.db, fake, 1_000),
  )
  expect(begun).toEqual([])
  await command('undrain')
})

test('providers are for operators', async () => {
  for (const path of ['', '/fake']) {
    expect((await get(path, me.token)).status).toBe(403)
    expect((await api.call('GET', `/v1/providers${path}`)).status).toBe(401)
  }
  for (const name of ['drain', 'undrain']) {
    expect((await command(name, 'fake', me.token)).status).toBe(403)
    expect((await command(name, 'nowhere')).status).toBe(404)
    expect((await api.call('POST', `/v1/providers/fake/${name}`, { body: { reason: 'x' } })).status).toBe(401)
  }
  expect((await get('/nowhere')).status).toBe(404)
})
