import { ApplicationFailure } from '@temporalio/common'
import type { WorkerInterceptors } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dispatch } from '../../db/dispatch.ts'
import { recordAvailable } from '../../db/provider-health.ts'
import { instanceName, observeWorkflowId, sessionWorkflowId } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { CallContext, ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import { untilBlocked } from '../setup/blocked.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage, eventually, held, stateOf, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'

const fakeId = 'fake' as ProviderId
const backend = createFakeBackend()
const fake = createFakeProvider({ backend, endpoint: 'serve', settleMs: 100 })
/** What a create does before it reaches the backend, and whether it still hears its caller. */
let underway: ((call: CallContext) => Promise<void>) | null = null
const provider: ComputeProvider = {
  ...fake,
  async create(spec: InstanceSpec, call: CallContext) {
    if (underway === null) return await fake.create(spec, call)
    await underway(call)
    return await fake.create(spec, { signal: new AbortController().signal })
  },
}

/** The activity that cannot work, as where a worker lacks the key of a session's payloads: no repeat mends it. */
let broken: string | null = null
let refused = 0
const interceptors: WorkerInterceptors = {
  activity: [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          if (info.activityType !== broken) return await next(input)
          refused += 1
          throw ApplicationFailure.nonRetryable('The input is not from this installation.', 'foreign_payload')
        },
      },
    }),
  ],
}

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
beforeAll(async () => {
  stage = await createStage({
    provider,
    timings: { dispatchEveryMs: 60_000, breakerMs: 60_000, inspectTimeoutMs: 2_000 },
  })
  worker = await stage.startWorkers(undefined, { interceptors })
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

const instancesOf = (id: SessionId) => [...backend.instances.values()].filter((i) => i.sessionId === id)

test('a create that lands after the session has ended, its caller long gone, is taken back', async () => {
  // create: ──sent──────────────────────────────────────── cancelled ── lands ── sees the tombstone ── remove
  // stop:          ── tombstone ── remove ── settle ── remove ── stopped
  const { db } = stage
  const land = Promise.withResolvers<void>()
  let heard: AbortSignal | null = null
  underway = async (call) => {
    heard = call.signal
    await land.promise
  }
  const id = await ask(db, await addAccount(db))
  await eventually('the create is on its way', () => heard !== null)
  underway = null
  await stop(db, id)
  await until(db, id, ['stopped'])
  await eventually('the activity hears that nobody waits for it', () => heard?.aborted === true)
  const made = backend.calls.create
  land.resolve()
  await eventually('it has landed', () => backend.calls.create > made)
  await eventually('nothing is left', () => instancesOf(id).length === 0)
  expect(await held(db, id)).toBe(0)
  const health = await db.selectFrom('provider_health').select('state').executeTakeFirstOrThrow()
  expect(health.state).toBe('closed')
})

test('a session whose create failed just as another’s closed the breaker does not wait for the next round', async () => {
  // ours:   create fails ── breaker opens ── back to queued (waits for its row) ·········· queued ── dispatch ── begins
  // theirs:                                        create answers ── breaker closes ── dispatch: nobody waits
  const { db } = stage
  const fail = Promise.withResolvers<void>()
  let sent = false
  underway = async () => {
    sent = true
    await fail.promise
  }
  const id = await ask(db, await addAccount(db))
  await eventually('the create is on its way', () => sent)
  underway = null
  await db.transaction().execute(async (trx) => {
    await trx.selectFrom('session').select('id').where('id', '=', id).forNoKeyUpdate().execute()
    backend.failNextCreate('before')
    fail.resolve()
    await untilBlocked(db)
    expect(await recordAvailable(db, fakeId)).toBe(true)
    expect(await dispatch(db, fakeId, 60_000)).toEqual([])
  })
  await until(db, id, ['ready'])
  await stop(db, id)
  await until(db, id, ['stopped'])
})

test('an observer that was ended by hand is replaced, so that an end is still seen', async () => {
  const { db, client } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  const observer = client.workflow.getHandle(observeWorkflowId(fakeId))
  await observer.terminate('an operator slipped')
  await eventually('another one looks', async () => (await observer.describe()).status.name === 'RUNNING')
  backend.exit(instanceName(id, 1))
  await until(db, id, ['failed'])
  expect((await stateOf(db, id)).reason).toBe('exited')
})

test('a session whose run fails for good is taken over, though nobody asks anything of it', async () => {
  const { db, client } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  broken = 'removeInstance'
  await stop(db, id)
  const run = client.workflow.getHandle(sessionWorkflowId(id))
  await eventually('its run failed', async () => (await run.describe()).status.name === 'FAILED')
  expect(instancesOf(id)).toHaveLength(1)
  broken = null
  await until(db, id, ['stopped'])
  expect(instancesOf(id)).toEqual([])
  expect(await held(db, id)).toBe(0)
})

test('an inspection that fails for good says nothing of the instance, and is made again', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  broken = 'inspectInstance'
  const before = refused
  backend.exit(instanceName(id, 1))
  await eventually('the inspection failed', () => refused > before)
  broken = null
  await until(db, id, ['failed'])
  expect((await stateOf(db, id)).reason).toBe('exited')
})

test('what is asked of a session that cannot be cleaned away yet is heard, and not said again and again', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  backend.goDown()
  await stop(db, id)
  await eventually('its removal began', async () => {
    const row = await db.selectFrom('instance').select('tombstoned_at').where('session_id', '=', id).executeTakeFirst()
    return row?.tombstoned_at !== null
  })
  await stop(db, id)
  await eventually('it was heard', async () => {
    const { seen_version, wake_version } = await stateOf(db, id)
    return wake_version > 2 && seen_version === wake_version
  })
  expect((await stateOf(db, id)).state).toBe('stopping')
  backend.goUp()
  await until(db, id, ['stopped'])
  expect(instancesOf(id)).toEqual([])
})

test('a stop that is asked again finds out that nobody obeys', async () => {
  const { db, client } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  backend.goDown()
  await stop(db, id)
  await until(db, id, ['stopping'])
  await client.workflow.getHandle(sessionWorkflowId(id)).terminate('an operator slipped')
  backend.goUp()
  await stop(db, id)
  await until(db, id, ['stopped'])
  expect(instancesOf(id)).toEqual([])
})
