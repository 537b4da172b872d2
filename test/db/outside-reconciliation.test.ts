import { randomUUID } from 'node:crypto'
import { MockActivityEnvironment } from '@temporalio/testing'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWatchDoorsActivities } from '../../activities/watch-doors.ts'
import { newId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { createFakeAccessGateway } from '../../ports/access/fake.ts'
import { callApp, startApi } from '../setup/api.ts'
import type { Answer, Person, TestApi } from '../setup/api.ts'

const path = '/v1/admin/reconciliations'
const deploymentId = 'd1'
const access = createFakeAccessGateway()
let api: TestApi
let operator: Person
let ended: SessionId
let unknown: SessionId
let watching: { stop(): Promise<void> }

const ask = async (body: object): Promise<Answer> =>
  await api.call('POST', path, {
    token: operator.token,
    body: { accessGateway: true, reason: 'To see.', ...body },
    key: randomUUID(),
    headers: { prefer: 'wait=30' },
  })

/** Left there by a driver that was told of no end. */
async function put(sessionId: SessionId): Promise<void> {
  const use = { deploymentId, sessionId, generation: 1, door: 'desk', mode: 'control', accountId: operator.id } as const
  const target = { protocol: 'vnc', host: '127.0.0.1', port: 5901, parameters: {} } as const
  expect((await access.open(use, target, AbortSignal.timeout(5_000))).kind).toBe('opened')
}

/** The watch as a worker runs it; its own rounds note what they see, and only the first falls into the test. */
function watch(): { stop(): Promise<void> } {
  const environment = new MockActivityEnvironment()
  const { watchDoors } = createWatchDoorsActivities({
    db: api.db,
    access,
    deploymentId,
    timings: defaultTimings,
    onChange: (heard) => api.listener.on('carrel_access', heard),
    onAsked: (heard) => api.listener.on('carrel_reconciliation', heard),
    stopping: new AbortController().signal,
    warn: () => {},
  })
  const timings = { ...defaultTimings, reconcileGraceMs: 1, sweepDoorsMs: 3_600_000, watchDoorsMs: 100 }
  const running = environment.run(watchDoors, { timings }).catch(() => undefined)
  return {
    stop: async () => {
      environment.cancel()
      await running
    },
  }
}

const kinds = async () =>
  (await api.db.selectFrom('outside_drift').select('kind').orderBy('kind').execute()).map(({ kind }) => kind)

beforeAll(async () => {
  api = await startApi({ desktopsOutside: true })
  operator = await api.person({ roles: ['operator'] })
  const { id } = (
    await api.call('POST', '/v1/sessions', {
      token: operator.token,
      body: { templateId: await api.template() },
      headers: { prefer: 'respond-async' },
    })
  ).body
  ended = id
  unknown = newId('session')
  await api.db
    .updateTable('session')
    .set({ state: 'stopped', reason: 'user', ended_at: sql<Date>`now()` })
    .where('id', '=', ended)
    .execute()
  await put(ended)
  await put(unknown)
  watching = watch()
})
afterAll(async () => {
  await watching.stop()
  await api.close()
})

const connection = () => ({
  kind: 'connection',
  subject: `${ended}/1`,
  sessionId: ended,
  generation: 1,
  certain: true,
})
const standing = async () => {
  const found = []
  for await (const thing of access.list(deploymentId, AbortSignal.timeout(5_000))) found.push(thing)
  return found.filter((thing) => thing.kind === 'connection').map((thing) => thing.sessionId)
}

test('a dry run says what would go, and nothing goes', async () => {
  await expect.poll(kinds, { timeout: 20_000 }).toEqual(['connection', 'unknown', 'user'])
  const { status, body } = await ask({})
  expect(status).toBe(201)
  expect(body).toMatchObject({ provider: null, accessGateway: true, dryRun: true, outcome: 'done' })
  expect(body['report']).toMatchObject({
    actions: expect.arrayContaining([{ do: 'closeDoors', sessionId: ended, generation: 1 }]) as unknown,
    drifts: expect.arrayContaining([
      connection(),
      { ...connection(), kind: 'unknown', subject: `${unknown}/1`, sessionId: unknown },
    ]) as unknown,
    failed: [],
  })
  expect((await standing()).toSorted()).toEqual([ended, unknown].toSorted())
  expect((await ask({})).body['report']).toEqual(body['report'])
})

test('a disarmed installation is told what differs, and that nothing will be done', async () => {
  await sql`update installation set disarmed_at = now(), disarmed_reason = 'restored', disarmed_epoch = 1`.execute(
    api.db,
  )
  const { body } = await ask({ dryRun: false })
  expect(body).toMatchObject({ outcome: 'disarmed', report: { actions: [] } })
  expect(body['report']).toMatchObject({ drifts: expect.arrayContaining([connection()]) as unknown })
  expect(await standing()).toHaveLength(2)
  await sql`update installation set disarmed_at = null, disarmed_reason = null, disarmed_epoch = null`.execute(api.db)
})

test('a gateway that does not answer is said to be unreachable', async () => {
  access.backend.goDown()
  expect((await ask({})).body).toMatchObject({ outcome: 'unreachable', report: null })
  access.backend.goUp()
})

test('carried out, what has ended goes and what no row knows of stays', async () => {
  const { body } = await ask({ dryRun: false })
  expect(body).toMatchObject({ outcome: 'done', dryRun: false })
  expect(body['report']).toMatchObject({ failed: [] })
  expect(await standing()).toEqual([unknown])
  const listed = await api.call('GET', `${path}?limit=1`, { token: operator.token })
  expect(listed.body.items).toMatchObject([{ id: body.id, accessGateway: true }])
})

test.each([
  [{ provider: 'fake' }, '/provider'],
  [{ accessGateway: undefined }, '/provider'],
  [{ accessGateway: false }, '/accessGateway'],
  [{ dryRun: false, remove: ['x'] }, '/remove'],
])('%j is no reconciliation of it', async (body, pointer) => {
  const refused = await ask(body)
  expect([refused.status, refused.body.errors[0]?.pointer]).toEqual([422, pointer])
})

test('where there is no gateway outside, there is none to be reconciled', async () => {
  const without = api.another({ desktopsOutside: false })
  const refused = await callApp(without, 'POST', path, {
    token: operator.token,
    body: { accessGateway: true, reason: 'To see.' },
  })
  expect([refused.status, refused.body.errors[0]?.pointer]).toEqual([422, '/accessGateway'])
})
