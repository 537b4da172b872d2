import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { admitSession } from '../../db/admission.ts'
import { backToReady, toPaused, toPausing, toReadyAgain } from '../../db/pauses.ts'
import { readmitSession } from '../../db/readmission.ts'
import type { SessionId } from '../../domain/ids.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { allPausable } from '../setup/pausable.ts'

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  templateId = await api.template()
})
beforeEach(async () => await allPausable(api.db))
afterAll(() => api.close())

/** A session that holds what it asked for, in this state. */
async function session(state: 'ready' | 'provisioning' = 'ready'): Promise<SessionId> {
  const body = { templateId }
  const made = await api.call('POST', '/v1/sessions', { token: me.token, body, headers: { prefer: 'respond-async' } })
  const id: SessionId = made.body.id
  await admitSession(api.db, { sessionId: id, generation: 1 })
  await api.db.updateTable('session').set({ state, waiting_for: null }).where('id', '=', id).execute()
  return id
}

const ask = async (id: SessionId, what: 'pause' | 'resume', prefer = 'respond-async') =>
  await api.call('POST', `/v1/sessions/${id}/${what}`, { token: me.token, key: null, headers: { prefer } })
const read = async (id: SessionId) => (await api.call('GET', `/v1/sessions/${id}`, { token: me.token })).body
const key = (sessionId: SessionId, number: number) => ({ sessionId, generation: 1, number })

async function rest(id: SessionId, number: number): Promise<void> {
  await toPausing(api.db, key(id, number))
  await toPaused(api.db, key(id, number))
}

test('202 until it is so, 200 when it is; repeats change nothing', async () => {
  const id = await session()
  expect((await read(id))['actions']).toEqual(['pause', 'stop'])
  const first = await ask(id, 'pause')
  expect([first.status, first.body['wish'], first.body.state]).toEqual([202, 'pause', 'ready'])
  expect((await ask(id, 'pause')).status).toBe(202)
  await rest(id, 1)
  const paused = await ask(id, 'pause')
  expect([paused.status, paused.body.state, paused.body['wish']]).toEqual([200, 'paused', null])
  expect(paused.body['actions']).toEqual(['resume', 'stop'])
  expect((await ask(id, 'resume')).status).toBe(202)
  await readmitSession(api.db, key(id, 2))
  await toReadyAgain(api.db, key(id, 2))
  const ready = await ask(id, 'resume')
  expect([ready.status, ready.body.state]).toEqual([200, 'ready'])
  const row = await api.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  expect([row.pause_wish_number, row.pause_settled_number]).toEqual([2, 2])
})

test('who waits is answered when it is settled', async () => {
  const id = await session()
  const waiting = ask(id, 'pause', 'wait=30')
  await expect.poll(async () => (await read(id))['wish'], { timeout: 20_000 }).toBe('pause')
  await rest(id, 1)
  const answer = await waiting
  expect([answer.status, answer.body.state, answer.headers.get('preference-applied')]).toEqual([
    200,
    'paused',
    'wait=30',
  ])
})

test('what failed while somebody waited is told, and it is as it was', async () => {
  const id = await session()
  const waiting = ask(id, 'pause', 'wait=30')
  await expect.poll(async () => (await read(id))['wish'], { timeout: 20_000 }).toBe('pause')
  await toPausing(api.db, key(id, 1))
  await backToReady(api.db, key(id, 1))
  const answer = await waiting
  expect([answer.status, answer.body.code]).toEqual([409, 'pause_failed'])
  expect((await read(id)).state).toBe('ready')
})

test('a refused resume answers as a refused start, stays to be read, and a repeat is a new try', async () => {
  const id = await session()
  await ask(id, 'pause')
  await rest(id, 1)
  const { memory_mib: memory } = await api.db
    .selectFrom('session')
    .select('memory_mib')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  await api.db
    .updateTable('quota')
    .set({ memory_mib: memory - 1 })
    .where('payer_id', '=', me.id)
    .execute()
  expect((await ask(id, 'resume')).status).toBe(202)
  expect((await read(id))['resumeRefusal']).toBeNull()
  await readmitSession(api.db, key(id, 2))
  const violation = { payer: { kind: 'account', id: me.id }, resource: 'memoryMib', limit: memory - 1 }
  expect(await read(id)).toMatchObject({
    state: 'paused',
    actions: ['resume', 'stop'],
    resumeRefusal: { code: 'exceeds_limit', violations: [violation] },
  })
  const waiting = ask(id, 'resume', 'wait=30')
  await expect.poll(async () => (await read(id))['wish'], { timeout: 20_000 }).toBe('resume')
  await readmitSession(api.db, key(id, 3))
  const answer = await waiting
  expect([answer.status, answer.body.code]).toEqual([403, 'exceeds_limit'])
  expect(answer.body['violations']).toMatchObject([violation])
  await api.db.updateTable('quota').set({ memory_mib: null }).where('payer_id', '=', me.id).execute()
})

test('no where the provider cannot, where there is nothing to pause or resume, and where it ends', async () => {
  const [starting, ready, ending] = [await session('provisioning'), await session(), await session()]
  await api.call('POST', `/v1/sessions/${ending}/stop`, { token: me.token, key: null })
  const told = async (id: SessionId, what: 'pause' | 'resume') => {
    const { status, body } = await ask(id, what)
    return [status, body.code]
  }
  expect(await told(starting, 'pause')).toEqual([409, 'not_ready'])
  expect(await told(starting, 'resume')).toEqual([409, 'not_paused'])
  expect(await told(ending, 'pause')).toEqual([409, 'conflict'])
  expect(await told(ending, 'resume')).toEqual([409, 'conflict'])
  await allPausable(api.db, { pause: false })
  expect(await told(ready, 'pause')).toEqual([422, 'pause_unsupported'])
  expect((await read(ready))['actions']).toEqual(['stop'])
  await allPausable(api.db)
  expect((await read(ready))['actions']).toEqual(['pause', 'stop'])
  await ask(ready, 'pause')
  expect(await told(ready, 'resume')).toEqual([409, 'not_paused'])
  const refused = await api.db
    .selectFrom('audit_event')
    .select(['action', 'code'])
    .where('subject_id', '=', ready)
    .where('outcome', '=', 'accepted')
    .where('action', '=', 'pauseSession')
    .execute()
  expect(refused).toHaveLength(1)
})

test('nobody goes on during maintenance', async () => {
  const id = await session()
  await ask(id, 'pause')
  await rest(id, 1)
  await api.db
    .updateTable('installation')
    .set({ maintenance_since: new Date(), maintenance_text: 'A new disk.' })
    .execute()
  const answer = await ask(id, 'resume')
  await api.db.updateTable('installation').set({ maintenance_since: null, maintenance_text: null }).execute()
  expect([answer.status, answer.body.code]).toEqual([503, 'maintenance'])
  expect((await read(id))['wish']).toBeNull()
})
