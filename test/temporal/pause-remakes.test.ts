import { afterAll, beforeAll, expect, test } from 'vitest'
import { heldBy } from '../../db/admission.ts'
import { requestPause } from '../../db/pause-wishes.ts'
import { readKnown } from '../../db/survey.ts'
import { sessionWorkflowId } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import type { PauseWish } from '../../domain/pausing.ts'
import { findDrift } from '../../domain/reconciliation.ts'
import { createFakeAccessBackend } from '../../ports/access/fake/backend.ts'
import { createFakeAccessGateway } from '../../ports/access/fake.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { listInstances } from '../proof/balance.ts'
import { deskDoor, heldDesks, useDesk } from '../proof/faults/outside.ts'
import { addAccount } from '../setup/person.ts'
import { recordingKey } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { ask, createStage, eventually, held, stateOf, stop, storyOf, until } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
let isImageThere = true
const provider = createFakeProvider({
  endpoint: 'serve',
  // So long what is held may be looked at before it is asked for again.
  requestTimeoutMs: 5_000,
  settleMs: 50,
  imageExists: () => isImageThere,
  capabilities: { resume: 'remakes' },
})
const { backend } = provider
const desks = createFakeAccessBackend()

beforeAll(async () => {
  const timings = { watchDoorsMs: 300, listDoorsMs: 500, accessTimeoutMs: 5_000, breakerMs: 300 }
  stage = await createStage({ provider, key: recordingKey, template: { doors: deskDoor }, timings })
  worker = await stage.startWorkers(['core', 'access', 'provider/*'], {
    openAccess: () => createFakeAccessGateway({ backend: desks }),
  })
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

const want = async (id: SessionId, wish: PauseWish) =>
  await stage.db.transaction().execute(async (trx) => await requestPause(trx, id, wish))

async function paused() {
  const { db } = stage
  const who = await addAccount(db)
  const id = await ask(db, who)
  await until(db, id, ['ready'])
  await eventually('the provider can pause', async () => (await want(id, 'pause')).kind !== 'unsupported')
  await until(db, id, ['paused'])
  return { id, who }
}

async function endWell(id: SessionId): Promise<void> {
  await stop(stage.db, id)
  await until(stage.db, id, ['stopped'])
  expect([...backend.instances.values()].filter((i) => i.sessionId === id)).toEqual([])
  expect([...backend.volumes.keys()].filter((name) => name.includes(id))).toEqual([])
  expect(heldDesks(desks).filter((d) => d.sessionId === id)).toEqual([])
  expect(await held(stage.db, id)).toBe(0)
}

test('what went as it was paused goes on as the next generation, on what it stored; its doors outside begin anew', async () => {
  const { db } = stage
  const who = await addAccount(db)
  const id = await ask(db, who)
  await until(db, id, ['ready'])
  await useDesk({ db, desks }, id)
  expect(desks.tunnels.size).toBe(1)
  await eventually('the provider can pause', async () => (await want(id, 'pause')).kind !== 'unsupported')
  await until(db, id, ['paused'])
  await eventually('nothing stands outside', () => heldDesks(desks).length === 0)
  const volumes = [...backend.volumes.keys()]
  expect(volumes).toHaveLength(1)

  // create: ─ sent ······(held)······ lands, and nobody hears ─ asked again: adopted
  const onItsWay = backend.holdNextCreate()
  const sent = backend.calls.create
  expect((await want(id, 'resume')).kind).toBe('requested')
  await eventually('the next one is being made', () => backend.calls.create > sent)
  const { generation } = await stateOf(db, id)
  expect(generation).toBe(2)
  const known = await readKnown(db, 'fake' as ProviderId, [])
  const survey = { listedAt: Date.now(), unknownWorkflows: [], queueNotServed: false }
  const listed = await listInstances([provider], stage.deploymentId)
  expect(listed.map((l) => l.generation)).toEqual([1])
  const drift = findDrift({ ...survey, listed, known: known.map((k) => ({ ...k, workflow: 'running' as const })) })
  expect(drift).toEqual([])
  await onItsWay.land()
  await until(db, id, ['ready'])

  expect((await listInstances([provider], stage.deploymentId)).map((l) => l.generation)).toEqual([2])
  expect([...backend.volumes.keys()]).toEqual(volumes)
  expect((await heldBy(db, { kind: 'account', id: who.accountId })).sessions).toBe(1)
  await useDesk({ db, desks }, id)
  expect(heldDesks(desks).every((d) => d.generation === 2)).toBe(true)
  await endWell(id)
  await stage.client.workflow.getHandle(sessionWorkflowId(id)).result()
  await record(stage.client, 'remade', sessionWorkflowId(id))
  expect(await storyOf(db, id)).toContain('queued:provider_unavailable')
})

test('a stop at rest, and one while the next generation is made, leave nothing', async () => {
  const [resting, waking] = [await paused(), await paused()]
  backend.holdNextCreate()
  const sent = backend.calls.create
  await want(waking.id, 'resume')
  await eventually('the next one is begun', () => backend.calls.create > sent)
  await endWell(waking.id)
  await endWell(resting.id)
})

test('what the provider refuses to make anew has failed', async () => {
  const { id } = await paused()
  isImageThere = false
  await want(id, 'resume')
  await until(stage.db, id, ['failed'])
  expect((await stateOf(stage.db, id)).reason).toBe('image_missing')
  expect([...backend.volumes.keys()].filter((name) => name.includes(id))).toEqual([])
})
