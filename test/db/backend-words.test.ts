import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createComputeActivities } from '../../activities/compute.ts'
import { createObserveActivities } from '../../activities/observe.ts'
import { createReadinessActivities } from '../../activities/readiness.ts'
import { toReady } from '../../db/endings.ts'
import { beginInstance, readInstance, recordUsage } from '../../db/instances.ts'
import { handOn } from '../../db/parts.ts'
import { releaseReservation } from '../../db/reservations.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { withTimings } from '../../domain/timings.ts'
import type { SessionKey } from '../../domain/session.ts'
import { locator } from '../../platform/target.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { ComputeProvider, InstanceState, Usage } from '../../ports/compute/provider.ts'
import { startApi } from '../setup/api.ts'
import type { TestApi } from '../setup/api.ts'
import { plainSecrets } from '../setup/plain-secrets.ts'

let api: TestApi
let templateId: string
const fake = 'fake' as ProviderId
const timings = withTimings({ observeRunMs: 200, observeBusyMs: 200, observeIdleMs: 200 })
beforeAll(async () => {
  api = await startApi()
  templateId = await api.template({ lifetimeSeconds: 3_600 })
})
afterAll(() => api.close())

interface Desk {
  readonly key: SessionKey
  readonly show: () => Promise<Record<string, unknown>>
}

/** A session whose instance is being made. */
async function begun(): Promise<Desk> {
  const { token } = await api.person()
  const made = await api.call('POST', '/v1/sessions', {
    token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  const key: SessionKey = { sessionId: made.body.id, generation: 1 }
  await api.decide(key.sessionId)
  await beginInstance(api.db, key, fake, Buffer.from('secret'))
  await api.db
    .updateTable('instance')
    .set({ made_at: new Date(0) })
    .where('session_id', '=', key.sessionId)
    .execute()
  return { key, show: async () => (await api.call('GET', `/v1/sessions/${key.sessionId}`, { token })).body }
}

const sessionOf = async ({ sessionId }: SessionKey) =>
  await api.db.selectFrom('session').selectAll().where('id', '=', sessionId).executeTakeFirstOrThrow()

const saying = (key: SessionKey, state: InstanceState, more: Partial<ComputeProvider> = {}): ComputeProvider => ({
  ...createFakeProvider(),
  async *list(deploymentId) {
    yield { ref: { name: `${key.sessionId}g1`, deploymentId }, ...key, state }
  },
  inspect: async () => state,
  remove: async () => ({ kind: 'removed' }),
  ...more,
})

/** One tick of the provider's observer. */
async function listed(key: SessionKey, state: InstanceState): Promise<void> {
  const { observeProvider } = createObserveActivities({
    db: api.db,
    providerId: fake,
    provider: saying(key, state),
    deploymentId: 'd',
    timings,
    stopping: new AbortController().signal,
  })
  await new MockActivityEnvironment().run(observeProvider, { providerId: fake, timings })
}

const computeOf = (provider: ComputeProvider) =>
  createComputeActivities({
    db: api.db,
    providerId: fake,
    provider,
    secrets: plainSecrets,
    locate: locator([]),
    timings,
    stopping: new AbortController().signal,
  })

const at = (minutes: number): number => Math.floor(Date.now() / 1_000) * 1_000 + minutes * 60_000
const iso = (ms: number): string => new Date(ms).toISOString()

test('what a list says that an instance waits for, and until when, is the session’s to show', async () => {
  const { key, show } = await begun()
  const [soon, later] = [at(10), at(20)]
  await listed(key, { kind: 'pending', reason: 'Priority', expectedAt: soon })
  expect((await readInstance(api.db, key))?.pendingReason).toBe('Priority')
  expect(await show()).toMatchObject({ state: 'provisioning', expectedStartAt: iso(soon) })
  await listed(key, { kind: 'pending', reason: 'Resources', expectedAt: later })
  expect(await show()).toMatchObject({ expectedStartAt: iso(later) })
  await listed(key, { kind: 'unknown', why: 'slow' })
  expect(await show()).toMatchObject({ expectedStartAt: iso(later) })
  await listed(key, { kind: 'running', endpoints: [] })
  expect(await show()).toMatchObject({ expectedStartAt: null })
})

test('who waits is told by the list, and the backend is not asked for each by itself', async () => {
  const { key } = await begun()
  await listed(key, { kind: 'pending', reason: 'Priority' })
  let asked = 0
  const stopping = new AbortController()
  const { awaitReady } = createReadinessActivities({
    db: api.db,
    provider: saying(
      key,
      { kind: 'unknown', why: 'not to be asked' },
      {
        inspect: async () => {
          asked += 1
          return { kind: 'pending', reason: 'Priority' }
        },
      },
    ),
    locate: locator([]),
    timings,
    stopping: stopping.signal,
  })
  const waiting = new MockActivityEnvironment().run(awaitReady, key).catch(() => 'left')
  const said = async () =>
    await api.db
      .selectFrom('session_event')
      .select('data')
      .where('session_id', '=', key.sessionId)
      .where('type', '=', 'session.progress')
      .execute()
  await expect.poll(said, { timeout: 20_000 }).toHaveLength(1)
  stopping.abort()
  await waiting
  expect((await said()).map(({ data }) => data['message'])).toEqual(['Waiting for the machine: Priority'])
  // Once, to begin with.
  expect(asked).toBe(1)
})

test('a session lives as long as its template lets it, or its backend, and follows where the backend moves its end', async () => {
  const { key, show } = await begun()
  const end = at(30)
  await listed(key, { kind: 'running', endpoints: [], endsAt: end })
  await toReady(api.db, key)
  expect(await show()).toMatchObject({ state: 'ready', expiresAt: iso(end) })
  const woken = async () => (await sessionOf(key)).wake_version
  const before = await woken()
  await listed(key, { kind: 'running', endpoints: [], endsAt: end })
  expect(await woken()).toBe(before)
  await listed(key, { kind: 'running', endpoints: [], endsAt: end - 600_000 })
  expect(await show()).toMatchObject({ expiresAt: iso(end - 600_000) })
  // Its run sleeps until the old end: it is told.
  expect(await woken()).toBe(before + 1)
  await listed(key, { kind: 'running', endpoints: [], endsAt: at(600) })
  const { ready_at, lifetime_ends_at } = await sessionOf(key)
  expect(lifetime_ends_at?.getTime()).toBe((ready_at?.getTime() ?? 0) + 3_600_000)
  await listed(key, { kind: 'running', endpoints: [] })
  expect((await sessionOf(key)).lifetime_ends_at).toEqual(lifetime_ends_at)
})

test('why it ended is the operators’ to read, in the backend’s words before its own', async () => {
  const { key } = await begun()
  await toReady(api.db, key)
  const gone: InstanceState = {
    kind: 'exited',
    exitCode: null,
    outOfMemory: false,
    reason: 'node_failed',
    detail: 'NODE_FAIL on c3',
  }
  const { inspectInstance } = computeOf(saying(key, gone, { logs: async () => 'its last line' }))
  expect(await new MockActivityEnvironment().run(inspectInstance, key)).toEqual({ kind: 'gone', reason: 'node_failed' })
  expect((await sessionOf(key)).operator_detail).toBe('NODE_FAIL on c3\n\nits last line')
})

test('a backend that ends it when its time is over has not lost it', async () => {
  const { key } = await begun()
  await listed(key, { kind: 'running', endpoints: [], endsAt: at(-1) })
  await toReady(api.db, key)
  const gone: InstanceState = { kind: 'exited', exitCode: null, outOfMemory: false, detail: 'TIMEOUT' }
  const { inspectInstance } = computeOf(saying(key, gone))
  expect(await new MockActivityEnvironment().run(inspectInstance, key)).toMatchObject({ kind: 'fine' })
})

const usageOf = async ({ sessionId }: SessionKey) =>
  await api.db
    .selectFrom('session_usage')
    .select(['wall_seconds', 'cpu_seconds', 'gpu_seconds'])
    .where('session_id', '=', sessionId)
    .execute()

test.each<[string, readonly (Usage | null | 'fails')[], unknown]>([
  [
    'the last word before it was forgotten',
    [{ wallSeconds: 60, cpuSeconds: 5_000_000_000, gpuSeconds: 0 }, null],
    { wall_seconds: 60, cpu_seconds: 5_000_000_000, gpu_seconds: 0 },
  ],
  [
    'what was reckoned up at the end',
    [
      { wallSeconds: 60, cpuSeconds: 120, gpuSeconds: 0 },
      { wallSeconds: 61, cpuSeconds: 122, gpuSeconds: 61 },
    ],
    { wall_seconds: 61, cpu_seconds: 122, gpu_seconds: 61 },
  ],
  [
    'nothing where the backend does not know',
    [null, 'fails'],
    { wall_seconds: null, cpu_seconds: null, gpu_seconds: null },
  ],
])('the line of usage has %s', async (_, answers, expected) => {
  const { key } = await begun()
  const left = [...answers]
  const provider = saying(
    key,
    { kind: 'absent' },
    {
      capabilities: { ...createFakeProvider().capabilities, usage: true },
      usage: async () => {
        const next = left.shift()
        if (next === 'fails') throw new Error('the books are closed')
        return typeof next === 'object' ? next : null
      },
    },
  )
  await new MockActivityEnvironment().run(computeOf(provider).removeInstance, key)
  await releaseReservation(api.db, key)
  expect(await usageOf(key)).toEqual([expected])
})

test('what a generation used by the backend’s count stands on its last line, and on none of the next', async () => {
  const { key } = await begun()
  await recordUsage(api.db, key, { wallSeconds: 60, cpuSeconds: 120, gpuSeconds: 0 })
  await api.db.transaction().execute(async (trx) => await handOn(trx, key))
  const next = { ...key, generation: 2 }
  await api.db.updateTable('session').set({ generation: 2 }).where('id', '=', key.sessionId).execute()
  await releaseReservation(api.db, next)
  expect((await usageOf(key)).toSorted((a, b) => Number(b.wall_seconds) - Number(a.wall_seconds))).toEqual([
    { wall_seconds: 60, cpu_seconds: 120, gpu_seconds: 0 },
    { wall_seconds: null, cpu_seconds: null, gpu_seconds: null },
  ])
})
