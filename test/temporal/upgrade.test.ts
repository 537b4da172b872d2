import { fileURLToPath } from 'node:url'
import { temporal } from '@temporalio/proto'
import type { WorkflowBundle } from '@temporalio/worker'
import { Worker } from '@temporalio/worker'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { coreRole } from '../../db/beats.ts'
import { coreQueue, sessionWorkflowId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { makeCurrent, routingOf } from '../../platform/temporal/builds.ts'
import { createDataConverter } from '../../platform/temporal/data-converter.ts'
import type { WorkerDeps } from '../../worker/deps.ts'
import { bundleWorkflows } from '../../worker/workflow-bundle.ts'
import { openStageBackend } from '../proof/backend.ts'
import type { ProofBackend } from '../proof/backend.ts'
import { toldTarget } from '../proof/told-target.ts'
import { addAccount } from '../setup/person.ts'
import { reconcile } from '../setup/reconcile.ts'
import { ask, createStage, eventually as soon, held, stateOf, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'
import { byCommand } from './upgrade/by-command.ts'
import { createHold } from './upgrade/desks.ts'

const entry = (name: string) => fileURLToPath(new URL(`./upgrade/${name}.ts`, import.meta.url))
const patchId = 'wait-before-removal'
const graceMs = 200
/** Longer than any machine takes, and any backend; nothing here is about speed. */
const longMs = 240_000 + 4 * (toldTarget()?.callMs ?? 15_000)
const eventually = async (what: string, holds: () => Promise<boolean> | boolean) => await soon(what, holds, longMs)
type Variant = Pick<WorkerDeps, 'inactivePatches' | 'version'>

let backend: ProofBackend
let hold: ReturnType<typeof createHold>
let stage: Stage
let who: Awaited<ReturnType<typeof addAccount>>
let a: WorkflowBundle
let b: WorkflowBundle
let idAlone: WorkflowBundle

beforeAll(async () => {
  // A task that a stopped worker took with it is given to the next one soon.
  const timings = { reconcileGraceMs: 0, workflowTaskMs: 3_000, answerSoonMs: 100 }
  backend = await openStageBackend()
  hold = createHold(backend.provider)
  const { networks, template, here } = backend
  stage = await createStage({ provider: hold.provider, startLimit: 3, networks, template, here, timings })
  who = await addAccount(stage.db, backend.posix)
  const variant = async (name: string) =>
    await bundleWorkflows({ workflowsPath: entry(name), interceptorModules: [entry(name)] })
  ;[a, b, idAlone] = await Promise.all([bundleWorkflows(), variant('build-b'), variant('id-alone')])
}, 600_000)
afterAll(async () => {
  await backend?.close(...(stage === undefined ? [] : [stage.deploymentId]))
  await stage?.close()
}, 600_000)

/** Every worker of the installation, of this build. */
async function workersOf(workflowBundle: WorkflowBundle, variant: Variant = {}, roles = ['core', 'provider/*']) {
  const workers = await stage.startWorkers(roles, { workflowBundle, graceMs, ...variant })
  running.add(workers)
  return { ...workers, stop: async () => void (running.delete(workers) && (await workers.stop())) }
}
const running = new Set<{ stop(): Promise<void> }>()
// What a test that failed left behind: the next one is to tell of its own.
afterEach(async () => {
  for (const workers of running) await workers.stop()
  running.clear()
}, 120_000)

const begin = async (count: number, over: Parameters<typeof ask>[2] = {}) =>
  await Promise.all(Array.from({ length: count }, async () => await ask(stage.db, who, over)))
const all = async (ids: readonly SessionId[], check: (id: SessionId) => Promise<unknown>) =>
  void (await Promise.all(ids.map(check)))

const historyOf = async (id: SessionId) => await stage.client.workflow.getHandle(sessionWorkflowId(id)).fetchHistory()

/** Whether the latest run of the session recorded a patch. */
async function isPatched(id: SessionId): Promise<boolean> {
  const { events } = await historyOf(id)
  return (events ?? []).some((e) => e.markerRecordedEventAttributes?.markerName === 'core_patch')
}

async function replay(id: SessionId, workflowBundle: WorkflowBundle): Promise<void> {
  const dataConverter = createDataConverter(stage.keyring)
  await Worker.runReplayHistory({ workflowBundle, dataConverter }, await historyOf(id), sessionWorkflowId(id))
}

/** The sessions are at their end for this reason, and nothing of them is anywhere. */
async function expectEnded(ids: readonly SessionId[], reason: string): Promise<void> {
  const { db, client } = stage
  await all(ids, async (id) => {
    await until(db, id, ['stopped', 'failed'], longMs)
    expect([(await stateOf(db, id)).reason, await held(db, id)]).toEqual([reason, 0])
    expect(await hasInstance(id)).toBe(false)
    await eventually(`the workflow of ${id} is closed`, async () => {
      const { status } = await client.workflow.getHandle(sessionWorkflowId(id)).describe()
      return status.name !== 'RUNNING'
    })
  })
}

test('ten sessions that build A began are carried on and ended by build B', async () => {
  // build A:  ready ×3 (one lost its run)   2 being removed   1 being made   2 coming up   2 queued ──✗ (all workers)
  // build B:                                          lets them go ── stop, expire, reconcile: all end
  const { db, client } = stage
  let workers = await workersOf(a)
  const removed = await begin(2)
  const lasting = await begin(1)
  await all([...removed, ...lasting], async (id) => await until(db, id, ['ready'], longMs))
  const lost = await begin(1)
  const brief = await begin(1, { lifetimeSeconds: 3 })
  await all([...lost, ...brief], async (id) => await until(db, id, ['ready'], longMs))
  hold.holdRemovals(removed)
  await all(removed, async (id) => await stop(db, id))
  hold.holdStarts()
  const coming = await begin(2)
  await all(coming, async (id) => await eventually(`${id} is made`, async () => await hasInstance(id)))
  hold.holdCreates()
  const made = await begin(1)
  await all(made, async (id) => await until(db, id, ['provisioning'], longMs))
  const queued = await begin(2)
  await all(queued, async (id) => await until(db, id, ['queued'], longMs))
  await all(removed, async (id) => await eventually(`${id} is being removed`, () => hold.hasHung(id)))
  await workers.stop()
  await all(lost, async (id) => void (await client.workflow.getHandle(sessionWorkflowId(id)).terminate('by hand')))

  workers = await workersOf(b)
  hold.letMake()
  hold.letStart()
  const [early, ...begun] = [...coming, ...made, ...queued] as [SessionId, ...SessionId[]]
  await stop(db, early)
  await all(begun, async (id) => await until(db, id, ['ready'], longMs))
  // What was left off at the end of the grace says nothing about the provider.
  expect(await db.selectFrom('provider_health').select('state').execute()).toEqual([{ state: 'closed' }])
  hold.letGo()
  await all([...begun, ...lasting], async (id) => await stop(db, id))
  await eventually('the lost run is missed', async () => ((await reconcile(db)).report?.actions ?? []).length > 0)
  await expectEnded([...removed, ...lasting, early, ...begun], 'user')
  await expectEnded(brief, 'expired')
  await expectEnded(lost, 'internal')
  // What build A had begun to remove went on as it was; what began to be removed after the switch took the change.
  expect(await Promise.all(removed.map(isPatched))).toEqual([false, false])
  expect(await Promise.all([...begun, ...lasting].map(isPatched))).toEqual([true, true, true, true, true])
  await workers.stop()
  expect(await instances()).toEqual([])
})

const instances = async () => await backend.held(stage.deploymentId)
const hasInstance = async (id: SessionId) => (await instances()).some(({ sessionId }) => sessionId === id)

test('back again: a run that recorded the change goes on where its way is known, and only there', async () => {
  // build B:   stop ── waits (recorded) ── removal hangs ──✗
  // build A:                                                 cannot go on, and breaks nothing ──✗
  // B, inactive:                                                                                 goes on to the end
  const { db } = stage
  hold.holdRemovals([])
  let workers = await workersOf(b)
  const recorded = await begin(2)
  const untouched = await begin(1)
  await all([...recorded, ...untouched], async (id) => await until(db, id, ['ready'], longMs))
  hold.holdRemovals(recorded)
  await all(recorded, async (id) => await stop(db, id))
  await all(recorded, async (id) => await eventually(`${id} recorded the change`, async () => await isPatched(id)))
  await eventually('operators find the open runs that recorded it', async () => {
    const query = `TemporalChangeVersion = '${patchId}' AND ExecutionStatus = 'Running'`
    const found: string[] = []
    for await (const { workflowId } of stage.client.workflow.list({ query })) found.push(workflowId)
    return JSON.stringify(found.toSorted()) === JSON.stringify(recorded.map(sessionWorkflowId).toSorted())
  })
  await workers.stop()

  await expect(replay(recorded[0] as SessionId, a)).rejects.toThrow(/[Nn]ondeterminism/)
  // The id alone is not enough: what the change did is part of the history, too.
  await expect(replay(recorded[0] as SessionId, idAlone)).rejects.toThrow(/[Nn]ondeterminism/)
  await replay(recorded[0] as SessionId, b)

  workers = await workersOf(a)
  await all(recorded, async (id) => {
    await stop(db, id)
    await eventually(`build A cannot go on with ${id}`, async () => await isStuck(id))
  })
  await stop(db, untouched[0] as SessionId)
  await expectEnded(untouched, 'user')
  await workers.stop()
  expect(await Promise.all(recorded.map(async (id) => (await stateOf(db, id)).state))).toEqual(['stopping', 'stopping'])

  workers = await workersOf(b, { inactivePatches: [patchId] })
  hold.letGo()
  const later = await begin(1)
  await all(later, async (id) => await until(db, id, ['ready'], longMs))
  await all(later, async (id) => await stop(db, id))
  await expectEnded([...later, ...recorded], 'user')
  expect(await Promise.all([...later, ...recorded].map(isPatched))).toEqual([false, true, true])
  // So nothing that begins after the rollback needs the change any more.
  await replay(later[0] as SessionId, a)
  await workers.stop()
  expect(await instances()).toEqual([])
})

/** Whether a task of the session's run is tried in vain. Its history tells only of a first try, which may have been too slow. */
async function isStuck(id: SessionId): Promise<boolean> {
  const { raw } = await stage.client.workflow.getHandle(sessionWorkflowId(id)).describe()
  if ((raw.pendingWorkflowTask?.attempt ?? 0) >= 3) return true
  const { events } = await historyOf(id)
  return (events ?? []).some((e) => (e.workflowTaskFailedEventAttributes?.failure?.message ?? '') !== '')
}

test('a start is taken up as fast after the third replacement of its worker as after the first', async () => {
  const { db, client, timings } = stage
  const core = await workersOf(a, {}, ['core'])
  hold.holdStarts()
  const ids = await begin(1)
  const awaited = async () => {
    const { raw } = await client.workflow.getHandle(sessionWorkflowId(ids[0] as SessionId)).describe()
    return (raw.pendingActivities ?? []).find((pending) => pending.activityType?.name === 'awaitReady')
  }
  const started = temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
  let attempt = 0
  let replaced = 0
  while (replaced < 3) {
    const provider = await workersOf(a, {}, ['provider/fake'])
    const last = attempt
    await eventually('it is waited for', async () => {
      const pending = await awaited()
      attempt = pending?.attempt ?? 0
      return attempt > last && pending?.state === started
    })
    await provider.stop()
    let left: Awaited<ReturnType<typeof awaited>>
    await eventually('the worker has left it', async () => {
      left = await awaited()
      return (left?.attempt ?? 0) > attempt && (left?.scheduledTime ?? null) !== null
    })
    attempt = (left?.attempt ?? 0) - 1
    // A try that was given to the worker as it left is taken back after a heartbeat: that one was left by nobody.
    if (left?.lastFailure?.applicationFailureInfo?.type !== 'worker_stopping') continue
    expect(Math.round(millis(left.scheduledTime) - millis(left.lastAttemptCompleteTime))).toBe(timings.providerRetryMs)
    replaced += 1
  }
  const provider = await workersOf(a, {}, ['provider/fake'])
  hold.letStart()
  await all(ids, async (id) => await until(db, id, ['ready'], longMs))
  await all(ids, async (id) => await stop(db, id))
  await expectEnded(ids, 'user')
  await Promise.all([core.stop(), provider.stop()])
})

test('with versions: what workers without one or of v1 began is carried on by v2, once it is current', async () => {
  // none:  ready ──✗
  // v1:          waits ── promoted ── goes on; another one ready ──────✗
  // v2:                                          waits ── promoted ── ends both
  const { db, client, namespace } = stage
  const service = client.workflowService
  const versionOf = (buildId: string) => ({ deploymentName: 'carrel', buildId })
  const promote = async (buildId: string) =>
    await eventually(`${buildId} is current`, async () => {
      return (await makeCurrent(service, namespace, 'carrel', buildId)) === 'current'
    })
  const none = await workersOf(a)
  const first = await begin(1)
  await all(first, async (id) => await until(db, id, ['ready'], longMs))
  await none.stop()

  const servedAt = await coreServedAt()
  const v1 = await workersOf(a, { version: versionOf('v1') })
  expect(v1.whyIdle()).toBe(
    'The build v1 of carrel is not current: Temporal gives workflows to workers without a version. npm run workers -- promote v1',
  )
  expect(await coreServedAt()).toEqual(servedAt)
  const second = await begin(1)
  await promote('v1')
  await all(second, async (id) => await until(db, id, ['ready'], longMs))
  expect(await makeCurrent(service, namespace, 'carrel', 'v3')).toBe('not_seen')

  const v2 = await workersOf(b, { version: versionOf('v2') }, ['core'])
  expect(v2.whyIdle()).toContain('Temporal gives workflows to the build v1 of carrel')
  await byCommand(namespace, 'promote', 'v2')
  await all([...first, ...second], async (id) => await stop(db, id))
  await expectEnded([...first, ...second], 'user')
  expect(await Promise.all([...first, ...second].map(lastBuild))).toEqual(['v2', 'v2'])
  expect(await Promise.all([...first, ...second].map(isPatched))).toEqual([true, true])
  expect(await routingOf(service, namespace, coreQueue)).toEqual({ current: versionOf('v2'), ramping: null })
  expect(await byCommand(namespace, 'unversioned')).toBe('Workflows go to workers without a version.\n')
  await Promise.all([v1.stop(), v2.stop()])
})

/** When somebody last said that the core is served. */
const coreServedAt = async () =>
  (await stage.db.selectFrom('beat').select('at').where('role', '=', coreRole).executeTakeFirstOrThrow()).at

/** The build that did the last task of the session's run. */
async function lastBuild(id: SessionId): Promise<string | null | undefined> {
  const { events } = await historyOf(id)
  const done = (events ?? []).flatMap((e) => e.workflowTaskCompletedEventAttributes ?? [])
  return done.at(-1)?.deploymentVersion?.buildId
}

const millis = (at: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined): number =>
  Number(at?.seconds) * 1_000 + Number(at?.nanos) / 1_000_000
