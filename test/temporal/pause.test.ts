import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { sql } from 'kysely'
import { heldBy } from '../../db/admission.ts'
import { readSessionEvents } from '../../db/events.ts'
import { requestPause } from '../../db/pause-wishes.ts'
import { sessionWorkflowId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { PauseWish } from '../../domain/pausing.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { ComputeProvider, InstanceState } from '../../ports/compute/provider.ts'
import { addAccount } from '../setup/person.ts'
import { recordingKey } from './histories/paths.ts'
import type { Path } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { ask, createStage, eventually, held, stateOf, stop, storyOf, until } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
const backend = createFakeBackend()
const fake = createFakeProvider({ backend, endpoint: 'serve', requestTimeoutMs: 30_000, settleMs: 100 })
/** What is answered instead of the truth, by call. */
const answers: { pause: InstanceState | null; resume: InstanceState | null } = { pause: null, resume: null }
const provider: ComputeProvider = {
  ...fake,
  pause: async (ref, call) => answers.pause ?? (await fake.pause(ref, call)),
  async resume(ref, call) {
    asked += 1
    return answers.resume ?? (await fake.resume(ref, call))
  },
}
/** How often something was to be woken. */
let asked = 0

beforeAll(async () => {
  stage = await createStage({ provider, key: recordingKey, timings: { breakerMs: 300 } })
  worker = await stage.startWorkers()
})
beforeEach(() => {
  answers.pause = null
  answers.resume = null
  backend.goUp()
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

const nameOf = (id: SessionId, generation = 1) => `carrel-${id}-${generation}`
const settled = { pause: 'paused', resume: 'ready' } as const

async function want(id: SessionId, wish: PauseWish) {
  const { kind } = await stage.db.transaction().execute(async (trx) => await requestPause(trx, id, wish))
  return kind
}

async function bring(id: SessionId, wish: PauseWish): Promise<void> {
  expect(await want(id, wish)).toBe('requested')
  await until(stage.db, id, [settled[wish]])
}

/** A session that is ready, at a provider whose worker has said what it can. */
async function ready() {
  const { db } = stage
  await eventually('the provider says that it can pause', async () => {
    const health = await db.selectFrom('provider_health').select('capabilities').executeTakeFirst()
    return health?.capabilities?.pause === true
  })
  const who = await addAccount(db)
  const id = await ask(db, who)
  await until(db, id, ['ready'])
  return { id, who }
}

async function endWell(id: SessionId, path?: Path): Promise<void> {
  await stop(stage.db, id)
  await until(stage.db, id, ['stopped'])
  expect([...backend.instances.values()].filter((i) => i.sessionId === id)).toEqual([])
  expect(await held(stage.db, id)).toBe(0)
  await stage.client.workflow.getHandle(sessionWorkflowId(id)).result()
  if (path !== undefined) await record(stage.client, path, sessionWorkflowId(id))
}

const instanceOf = async (id: SessionId) =>
  await stage.db.selectFrom('instance').select('seen').where('session_id', '=', id).executeTakeFirstOrThrow()
const healthOf = async () =>
  await stage.db.selectFrom('provider_health').select(['state', 'failures']).executeTakeFirstOrThrow()
/** Its state has lasted longer than it may. */
async function isLate(id: SessionId): Promise<void> {
  const woken = { wake_version: sql<number>`wake_version + 1`, next_try_at: sql<Date>`now()` }
  const late = { ...woken, state_since: sql<Date>`now() - interval '11 minutes'` }
  await stage.db.updateTable('session').set(late).where('id', '=', id).execute()
}

const eventsOf = async (id: SessionId, type: string) =>
  (await readSessionEvents(stage.db, id, 0, 1_000)).filter((e) => e.type === type)

test('a session rests, holds its place and what it stored, and goes on with what it had', async () => {
  const { db } = stage
  const { id, who } = await ready()
  const before = await stateOf(db, id)
  await bring(id, 'pause')
  expect(backend.instances.size).toBe(1)
  expect(await heldBy(db, { kind: 'account', id: who.accountId })).toEqual({
    sessions: 1,
    cpuMilli: 0,
    memoryMib: 0,
    diskMib: before.disk_mib,
    gpus: 0,
  })
  await bring(id, 'resume')
  const after = await stateOf(db, id)
  expect([after.generation, after.lifetime_ends_at, after.ready_at]).toEqual([
    1,
    before.lifetime_ends_at,
    before.ready_at,
  ])
  expect((await heldBy(db, { kind: 'account', id: who.accountId })).cpuMilli).toBe(before.cpu_milli)
  await endWell(id, 'paused')
  expect(await storyOf(db, id)).toEqual([
    'requested',
    'provisioning',
    'ready',
    'pausing',
    'paused',
    'resuming',
    'ready',
    'stopping:user',
    'stopped:user',
  ])
  const usage = await db.selectFrom('session_usage').selectAll().where('session_id', '=', id).orderBy('part').execute()
  expect(usage.map((u) => [u.part, u.cpu_milli])).toEqual([
    [1, before.cpu_milli],
    [2, 0],
    [3, before.cpu_milli],
  ])
  usage.slice(1).forEach((u, i) => expect(u.used_from).toEqual(usage[i]?.used_to))
})

test('what no quota allows to go on rests on, with what is missing; when there is room it goes on', async () => {
  const { db } = stage
  const { id, who } = await ready()
  const { cpu_milli: limit } = await stateOf(db, id)
  await bring(id, 'pause')
  await db.updateTable('quota').set({ cpu_milli: limit }).where('payer_id', '=', who.accountId).execute()
  const other = await ask(db, who)
  await until(db, other, ['ready'])
  expect(await want(id, 'resume')).toBe('requested')
  await eventually('it is refused', async () => (await eventsOf(id, 'session.resume_refused')).length === 1)
  expect(await stateOf(db, id)).toMatchObject({
    state: 'paused',
    resume_refusal: { code: 'quota_exceeded', violations: [{ resource: 'cpuMilli', limit, used: limit }] },
  })
  await stop(db, other)
  await until(db, other, ['stopped'])
  await bring(id, 'resume')
  await endWell(id, 'resume-refused')
})

test('who cannot be paused runs on, and who cannot be resumed rests on', async () => {
  const { db } = stage
  const { id } = await ready()
  answers.pause = { kind: 'running', endpoints: [] }
  expect(await want(id, 'pause')).toBe('requested')
  await eventually('it failed', async () => (await eventsOf(id, 'session.pause_failed')).length === 1)
  await until(db, id, ['ready'])
  answers.pause = null
  await bring(id, 'pause')
  answers.resume = { kind: 'paused' }
  expect(await want(id, 'resume')).toBe('requested')
  await eventually('it failed', async () => (await eventsOf(id, 'session.resume_failed')).length === 1)
  expect(await stateOf(db, id)).toMatchObject({
    state: 'paused',
    resume_refusal: { code: 'resume_failed', reason: 'start_failed' },
  })
  answers.resume = null
  await bring(id, 'resume')
  await endWell(id)
})

test('a stop is obeyed on the way to rest, at rest, and on the way back', async () => {
  const { db } = stage
  const onTheWay: InstanceState = { kind: 'pending', reason: 'for ever' }
  const [falling, resting, waking] = [await ready(), await ready(), await ready()]
  await bring(resting.id, 'pause')
  await bring(waking.id, 'pause')
  answers.pause = onTheWay
  answers.resume = onTheWay
  backend.setState(nameOf(falling.id), onTheWay)
  backend.setState(nameOf(waking.id), onTheWay)
  expect([await want(falling.id, 'pause'), await want(waking.id, 'resume')]).toEqual(['requested', 'requested'])
  await until(db, falling.id, ['pausing'])
  await until(db, waking.id, ['resuming'])
  for (const { id } of [falling, resting, waking]) await endWell(id)
  expect((await storyOf(db, waking.id)).slice(-3)).toEqual(['resuming', 'stopping:user', 'stopped:user'])
})

test('what disappears at rest is lost, and whoever is to go on meets that as well', async () => {
  const { db } = stage
  const [noticed, resumed] = [await ready(), await ready()]
  await bring(noticed.id, 'pause')
  await bring(resumed.id, 'pause')
  answers.resume = { kind: 'absent' }
  expect(await want(resumed.id, 'resume')).toBe('requested')
  await until(db, resumed.id, ['failed'])
  backend.vanish(nameOf(noticed.id))
  await until(db, noticed.id, ['failed'])
  const reasons = [(await stateOf(db, resumed.id)).reason, (await stateOf(db, noticed.id)).reason]
  expect(reasons).toEqual(['instance_lost', 'instance_lost'])
})

test('what is found running at rest is put to rest, and what rests and should run is woken', async () => {
  const { db } = stage
  const { id } = await ready()
  const seen = async () => (await instanceOf(id)).seen
  await bring(id, 'pause')
  backend.setState(nameOf(id), { kind: 'running', endpoints: [] })
  const stateAt = async () =>
    (await fake.inspect({ name: nameOf(id), deploymentId: stage.deploymentId }, { signal: AbortSignal.timeout(5_000) }))
      .kind
  await eventually('it rests again', async () => (await stateAt()) === 'paused' && (await seen()) === 'paused')
  await bring(id, 'resume')
  backend.setState(nameOf(id), { kind: 'paused' })
  await eventually('it runs again', async () => (await stateAt()) === 'running' && (await seen()) === 'running')
  expect((await stateOf(db, id)).state).toBe('ready')
  await endWell(id)
})

test('who goes on waits for a place, and for a provider that is away; who waits too long rests on', async () => {
  const { db } = stage
  const { id } = await ready()
  await bring(id, 'pause')
  await db
    .updateTable('provider')
    .set({ draining_at: sql<Date>`now()` })
    .execute()
  await db.updateTable('session').set({ queue_limit_seconds: 1 }).where('id', '=', id).execute()
  expect(await want(id, 'resume')).toBe('requested')
  await eventually('it waited too long', async () => (await eventsOf(id, 'session.resume_failed')).length === 1)
  expect(await stateOf(db, id)).toMatchObject({ state: 'paused', resume_refusal: { reason: 'capacity_timeout' } })
  await db.updateTable('session').set({ queue_limit_seconds: 3_600 }).where('id', '=', id).execute()
  expect(await want(id, 'resume')).toBe('requested')
  await until(db, id, ['queued'])
  backend.goDown()
  await db.updateTable('provider').set({ draining_at: null }).execute()
  await eventually('the provider was found away', async () => (await healthOf()).state === 'open')
  backend.goUp()
  await until(db, id, ['ready'])
  expect(await storyOf(db, id)).toContain('queued:provider_unavailable')
  await endWell(id, 'resume-waits')
})

test('of whom nobody can tell anything on the way back holds up nobody else, and rests on when that takes too long', async () => {
  const { db } = stage
  const [odd, late] = [await ready(), await ready()]
  for (const { id } of [odd, late]) await bring(id, 'pause')
  const become = (state: InstanceState) => [odd, late].forEach(({ id }) => backend.setState(nameOf(id), state))
  become({ kind: 'unknown', why: 'no such state', unnamed: 'TELEPORTING' })
  const before = asked
  for (const { id } of [odd, late]) expect(await want(id, 'resume')).toBe('requested')
  await eventually('it was asked again and again', () => asked > before + 4)
  expect(await healthOf()).toMatchObject({ state: 'closed', failures: 0 })
  for (const { id } of [odd, late]) expect((await storyOf(db, id)).at(-1)).toBe('resuming')
  await isLate(late.id)
  await until(db, late.id, ['paused'])
  expect(await stateOf(db, late.id)).toMatchObject({
    resume_refusal: { code: 'resume_failed', reason: 'start_timeout' },
  })
  become({ kind: 'paused' })
  await until(db, odd.id, ['ready'])
  await bring(late.id, 'resume')
  for (const { id } of [odd, late]) await endWell(id)
})

test('what takes too long on the way to rest runs on, and is woken when it rests after all', async () => {
  const { db } = stage
  const { id } = await ready()
  answers.pause = { kind: 'pending', reason: 'its disk is copied' }
  backend.setState(nameOf(id), answers.pause)
  expect(await want(id, 'pause')).toBe('requested')
  await until(db, id, ['pausing'])
  await isLate(id)
  await until(db, id, ['ready'])
  expect(await eventsOf(id, 'session.pause_failed')).toHaveLength(1)
  const before = asked
  backend.setState(nameOf(id), { kind: 'paused' })
  await eventually('it was woken', () => asked > before)
  await eventually('it runs', async () => (await instanceOf(id)).seen === 'running')
  expect((await stateOf(db, id)).state).toBe('ready')
  await endWell(id)
})
