// oxlint-disable max-lines -- one installation, and every way that a session goes through it
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { sql } from 'kysely'
import { toStopping } from '../../db/endings.ts'
import { lookAt } from '../../db/look.ts'
import { observeWorkflowId, sessionWorkflowId, teardownWorkflowId } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { recordingKey } from './histories/paths.ts'
import type { Path } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage, eventually, held, stateOf, stop, storyOf, until } from './stage.ts'
import type { ComputeProvider, InstanceState } from '../../ports/compute/provider.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
const backend = createFakeBackend()
const fake = createFakeProvider({ backend, endpoint: 'serve', requestTimeoutMs: 30_000, settleMs: 150 })
let neverReady = false
/** What every inspection is answered, should it not be the truth. */
let inspection: InstanceState | null = null
const provider: ComputeProvider = {
  ...fake,
  inspect: async (ref, call) => inspection ?? (await fake.inspect(ref, call)),
  async create(spec, call) {
    const created = await fake.create(spec, call)
    if (neverReady) backend.setState(spec.name, { kind: 'pending', reason: 'for ever' })
    return created
  },
}

beforeAll(async () => {
  stage = await createStage({ provider, timings: { cleanupOverdueMs: 1_500, renewAfterMs: 300 }, key: recordingKey })
  worker = await stage.startWorkers()
})
beforeEach(async () => {
  await stage.db.updateTable('provider_health').set({ state: 'closed', retry_at: null, failures: 0 }).execute()
  backend.goUp()
  backend.setLatency(0)
  neverReady = false
  inspection = null
})
afterAll(async () => {
  await record(stage.client, 'observer', observeWorkflowId('fake' as ProviderId))
  await worker?.stop()
  await stage?.close()
})

/** Nothing is left of the session anywhere. */
async function expectNothingLeft(id: SessionId, path?: Path): Promise<void> {
  const names = [...backend.instances.values()].filter((i) => i.sessionId === id)
  expect(names).toEqual([])
  expect(await held(stage.db, id)).toBe(0)
  await eventually(`the workflow of ${id} is closed`, async () => {
    const { status } = await stage.client.workflow.getHandle(sessionWorkflowId(id)).describe()
    return status.name !== 'RUNNING' && status.name !== 'CONTINUED_AS_NEW'
  })
  if (path !== undefined) await record(stage.client, path, sessionWorkflowId(id))
}

test('a session comes up, answers, and goes away without a trace', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  expect(await held(db, id)).toBe(1)
  const row = await stateOf(db, id)
  expect(row.lifetime_ends_at?.getTime()).toBe(Number(row.ready_at?.getTime()) + 3_600_000)

  await stop(db, id)
  await until(db, id, ['stopped'])
  await expectNothingLeft(id)
  expect(await storyOf(db, id)).toEqual(['requested', 'provisioning', 'ready', 'stopping:user', 'stopped:user'])
  const usage = await db.selectFrom('session_usage').selectAll().where('session_id', '=', id).execute()
  expect(usage).toMatchObject([{ sessions: 1, cpu_milli: 100, reason: 'user' }])
})

test('a session that is ready for a while goes on in a new run, and tells operators where it is', async () => {
  const { db, client } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  const handle = client.workflow.getHandle(sessionWorkflowId(id))
  await eventually('the run that is ready is found by its search attribute', async () => {
    const found = client.workflow.list({ query: `SessionState = 'ready' AND WorkflowId = '${sessionWorkflowId(id)}'` })
    for await (const execution of found) return execution.status.name === 'RUNNING'
    return false
  })
  await eventually('it goes on in a run of a short history', async () => {
    const { events } = await handle.fetchHistory()
    const first = events?.[0]?.workflowExecutionStartedEventAttributes
    return first?.continuedExecutionRunId !== '' && (events?.length ?? 0) < 25
  })
  await stop(db, id)
  await until(db, id, ['stopped'])
  await expectNothingLeft(id, 'stopped')
})

test('a stop that is asked before any worker runs is obeyed by the first one, and nothing is made', async () => {
  const quiet = createFakeBackend()
  const other = await createStage({
    provider: createFakeProvider({ backend: quiet, endpoint: 'serve' }),
    key: recordingKey,
  })
  const id = await ask(other.db, await addAccount(other.db))
  await stop(other.db, id)
  expect((await stateOf(other.db, id)).stop_requested_at).not.toBeNull()
  const late = await other.startWorkers()
  await until(other.db, id, ['stopped'])
  expect(await storyOf(other.db, id)).toEqual(['requested', 'stopping:user', 'stopped:user'])
  expect(quiet.calls.create).toBe(0)
  expect(await held(other.db, id)).toBe(0)
  await other.client.workflow.getHandle(sessionWorkflowId(id)).result()
  await record(other.client, 'stopped-early', sessionWorkflowId(id))
  await late.stop()
  await other.close()
})

test('a stop while the create is in flight ends the session, and what lands afterwards is removed', async () => {
  // create:   ──sent─────────────(nobody knows)──────────lands
  // stop:             ──asked── tombstone ── remove ── settle ── remove ── stopped
  // after:                                                        a list shows it, reconcile's work
  const { db } = stage
  const onItsWay = backend.holdNextCreate()
  const sent = backend.calls.create
  const removed = backend.calls.remove
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['provisioning'])
  await eventually('the create was sent', () => backend.calls.create > sent)
  await stop(db, id)
  await eventually('the removal began', async () => (await stateOf(db, id)).state === 'stopping')
  await onItsWay.land()
  await until(db, id, ['stopped'])
  await expectNothingLeft(id)
  // The session's own removal asks, and so does the call that was left behind: twice each, or once where it is known by then what was made.
  await eventually('both have looked', () => backend.calls.remove >= removed + 2)
  // Of a call whose instance was taken away under it nobody can say that the provider was at fault.
  expect(await db.selectFrom('provider_health').select('state').executeTakeFirstOrThrow()).toEqual({ state: 'closed' })
})

test('a create whose answer is lost is found by its name and used', async () => {
  const { db } = stage
  backend.failNextCreate('after')
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  expect([...backend.instances.values()].filter((i) => i.sessionId === id)).toHaveLength(1)
  expect((await stateOf(db, id)).generation).toBe(1)
  expect(await storyOf(db, id)).toEqual([
    'requested',
    'provisioning',
    'queued:provider_unavailable',
    'provisioning',
    'ready',
  ])
  await stop(db, id)
  await until(db, id, ['stopped'])
  await expectNothingLeft(id)
})

test('a missing image fails long before the start may last, with a reason that names it', async () => {
  const { db } = stage
  backend.refuseNextCreate('image_missing', 'no such image in the registry')
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['failed'], 30_000)
  expect(await stateOf(db, id)).toMatchObject({
    reason: 'image_missing',
    operator_detail: 'no such image in the registry',
  })
  await expectNothingLeft(id, 'failed-start')
})

test('what ends by itself is exited or out of memory, what disappears is lost', async () => {
  const { db } = stage
  const who = await addAccount(db)
  const ids = await Promise.all([ask(db, who), ask(db, who), ask(db, who)])
  await Promise.all(ids.map(async (id) => await until(db, id, ['ready'])))
  const nameOf = (id: string) => `carrel-${id}-1`
  backend.exit(nameOf(ids[0]), { exitCode: 3 })
  backend.exit(nameOf(ids[1]), { exitCode: 137, outOfMemory: true })
  backend.vanish(nameOf(ids[2]))
  await Promise.all(ids.map(async (id) => await until(db, id, ['failed'])))
  const reasons = await Promise.all(ids.map(async (id) => (await stateOf(db, id)).reason))
  expect(reasons).toEqual(['exited', 'out_of_memory', 'instance_lost'])
  for (const id of ids) await expectNothingLeft(id, 'exited')
})

test('a session ends when its time is over', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db), { lifetimeSeconds: 1 })
  await until(db, id, ['stopped'])
  expect((await storyOf(db, id)).slice(-3)).toEqual(['ready', 'stopping:expired', 'stopped:expired'])
  await expectNothingLeft(id, 'expired')
})

test('a session whose time is over ends, also while nobody can tell what became of its instance', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db), { lifetimeSeconds: 5 })
  await until(db, id, ['ready'])
  inspection = { kind: 'unknown', why: 'nobody answers' }
  backend.exit(`carrel-${id}-1`)
  await until(db, id, ['stopped'])
  expect((await storyOf(db, id)).slice(-2)).toEqual(['stopping:expired', 'stopped:expired'])
  await expectNothingLeft(id)
})

test('what does not become ready in its time fails, and is removed', async () => {
  const { db } = stage
  neverReady = true
  const id = await ask(db, await addAccount(db), { startLimitSeconds: 1 })
  await until(db, id, ['failed'])
  expect((await storyOf(db, id)).slice(-2)).toEqual(['stopping:start_timeout', 'failed:start_timeout'])
  await expectNothingLeft(id, 'start-timeout')
})

test('a provider that is down is waited for, with the time of the next try, and then used', async () => {
  const { db } = stage
  backend.goDown()
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['queued'])
  expect((await stateOf(db, id)).waiting_for).toBe('provider_unavailable')
  const health = await db.selectFrom('provider_health').selectAll().executeTakeFirstOrThrow()
  expect(health).toMatchObject({ state: 'open' })
  expect(health.retry_at).not.toBeNull()
  const second = await ask(db, await addAccount(db))
  await until(db, second, ['queued'])
  expect((await storyOf(db, second)).slice(0, 2)).toEqual(['requested', 'queued:provider_unavailable'])
  backend.goUp()
  await until(db, id, ['ready'])
  await until(db, second, ['ready'])
  for (const each of [id, second]) {
    await stop(db, each)
    await until(db, each, ['stopped'])
    await expectNothingLeft(each, 'provider-away')
  }
})

test('a session that waits too long for a place fails, and one that waits can be stopped', async () => {
  const { db } = stage
  backend.goDown()
  await db
    .updateTable('provider')
    .set({ draining_at: sql<Date>`now()` })
    .execute()
  const who = await addAccount(db)
  const short = await ask(db, who, { queueLimitSeconds: 1 })
  const long = await ask(db, who)
  await until(db, short, ['failed'])
  expect((await stateOf(db, short)).reason).toBe('capacity_timeout')
  await until(db, long, ['queued'])
  await stop(db, long)
  await until(db, long, ['stopped'])
  await db.updateTable('provider').set({ draining_at: null }).execute()
  await expectNothingLeft(short, 'queue-timeout')
  await expectNothingLeft(long)
})

test('cleaning never gives up: it alarms, holds what is reserved, and ends when the backend answers', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  backend.goDown()
  await stop(db, id)
  await eventually('the cleanup is overdue', async () => (await stateOf(db, id)).cleanup_overdue_at !== null)
  expect((await stateOf(db, id)).state).toBe('stopping')
  expect(await held(db, id)).toBe(1)
  backend.goUp()
  await until(db, id, ['stopped'])
  await expectNothingLeft(id, 'cleanup-overdue')
})

test('what a quota does not allow is rejected, with what is missing for each payer', async () => {
  const { db } = stage
  const who = await addAccount(db)
  await db.updateTable('quota').set({ sessions: 1 }).where('payer_id', '=', who.accountId).execute()
  const first = await ask(db, who)
  await until(db, first, ['ready'])
  const second = await ask(db, who)
  await until(db, second, ['rejected'])
  expect((await stateOf(db, second)).refusal).toEqual({
    code: 'quota_exceeded',
    violations: [
      { payer: { kind: 'account', id: who.accountId }, resource: 'sessions', limit: 1, used: 1, requested: 1 },
    ],
  })
  await stop(db, first)
  await until(db, first, ['stopped'])
  await expectNothingLeft(first)
  await expectNothingLeft(second, 'rejected')
})

test('a workflow that an operator terminated is replaced by a teardown as soon as something is asked', async () => {
  const { db, client } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  await client.workflow.getHandle(sessionWorkflowId(id)).terminate('an operator slipped')
  await stop(db, id)
  await until(db, id, ['stopped'])
  await expectNothingLeft(id)
  const teardown = await client.workflow.getHandle(teardownWorkflowId(id)).describe()
  expect(teardown.status.name).toMatch(/COMPLETED|RUNNING/)
  await client.workflow.getHandle(teardownWorkflowId(id)).result()
  await record(client, 'teardown', teardownWorkflowId(id))
})

test('a stop that a terminated run read in its last moments, and did nothing about, is carried out all the same', async () => {
  // run:      ✗ terminated, while its last task still reads: the wish is seen ── stopping ──(nobody goes on)
  // starter:                                                                        10 s later: no such run ── teardown
  const { db, client, timings } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  await client.workflow.getHandle(sessionWorkflowId(id)).terminate('an operator slipped')
  await stop(db, id)
  await lookAt(db, id, timings)
  await toStopping(db, { sessionId: id, generation: 1 }, 'user')
  await lookAt(db, id, timings)
  await db
    .updateTable('session')
    .set({ next_try_at: sql<Date>`now()` })
    .where('id', '=', id)
    .execute()
  await until(db, id, ['stopped'])
  await expectNothingLeft(id)
})

test('a workflow that an operator cancels ends its session in order', async () => {
  const { db, client } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  await eventually('the run of the ready session listens', async () => {
    await client.workflow.getHandle(sessionWorkflowId(id)).cancel()
    return (await stateOf(db, id)).stop_requested_at !== null
  })
  await until(db, id, ['stopped'])
  expect((await stateOf(db, id)).reason).toBe('admin')
  await expectNothingLeft(id, 'cancelled')
})
