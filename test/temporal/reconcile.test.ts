import { ScheduleOverlapPolicy } from '@temporalio/client'
import { afterEach, expect, test } from 'vitest'
import { armInstallation, readArming } from '../../db/epoch.ts'
import { armSweep } from '../../db/reconciliation-asks.ts'
import { newId, reconcileWorkflowId, sessionWorkflowId } from '../../domain/ids.ts'
import type { ProviderId, ReconciliationId, SessionId } from '../../domain/ids.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { lookAgain } from '../../workflows/session.messages.ts'
import { addAccount } from '../setup/person.ts'
import { recordingKey } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { ask, createStage, eventually, held, stateOf, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'
import { plainSpec } from '../setup/plain-spec.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function open(graceMs = 0) {
  const provider = createFakeProvider({ endpoint: 'serve' })
  const stage = await createStage({
    provider,
    key: recordingKey,
    timings: { reconcileGraceMs: graceMs, observeIdleMs: 60_000 },
  })
  cleanups.push(async () => await stage.close())
  const workers = await stage.startWorkers()
  cleanups.push(async () => await workers.stop())
  return { stage, provider, who: await addAccount(stage.db) }
}

/** Has the provider reconciled, as an operator does, and waits for the report. */
async function reconcile({ db }: Stage, over: { readonly dryRun?: boolean; readonly remove?: readonly string[] } = {}) {
  const id = newId('reconciliation')
  await db
    .insertInto('reconciliation')
    .values({
      id,
      provider_id: 'fake' as ProviderId,
      requested_by: null,
      dry_run: over.dryRun ?? false,
      remove_names: [...(over.remove ?? [])],
    })
    .execute()
  await eventually('the reconciliation has ended', async () => (await rowOf(db, id)).ended_at !== null)
  const row = await rowOf(db, id)
  return { id, outcome: row.outcome, report: row.report }
}

const runOf = (id: ReconciliationId): string => `${reconcileWorkflowId('fake' as ProviderId)}/${id}`
const rowOf = async (db: Stage['db'], id: ReconciliationId) =>
  await db.selectFrom('reconciliation').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

const spec = (stage: Stage, sessionId: SessionId, generation = 1) => ({
  name: `carrel-${sessionId}-${generation}`,
  deploymentId: stage.deploymentId,
  sessionId,
  generation,
  ...plainSpec,
  image: 'plain:1',
  secret: 's',
  resources: { sessions: 1, cpuMilli: 1, memoryMib: 1, diskMib: 0, gpus: 0 },
  ports: [8888],
  readiness: { kind: 'tcp' as const, port: 8888 },
})
const call = () => ({ signal: AbortSignal.timeout(30_000) })

test('an installation in order: nothing differs, and nothing is done', async () => {
  const { stage, who } = await open()
  const id = await ask(stage.db, who)
  await until(stage.db, id, ['ready'])
  const { outcome, report } = await reconcile(stage)
  expect(outcome).toBe('done')
  expect(report).toEqual({ listed: 1, drifts: [], actions: [], withheld: null, failed: [] })
  await stop(stage.db, id)
  await until(stage.db, id, ['stopped'])
})

test('an instance that comes back after its end goes, seen twice; a dry run only tells', async () => {
  // create ── times out ── stop ── removed ── (lands late) ── listed ── listed again ── removed
  const { stage, provider, who } = await open()
  const id = await ask(stage.db, who)
  await until(stage.db, id, ['ready'])
  await stop(stage.db, id)
  await until(stage.db, id, ['stopped'])
  await provider.create(spec(stage, id), call())

  const dry = await reconcile(stage, { dryRun: true })
  expect(dry.report?.drifts).toMatchObject([{ kind: 'orphan_instance', sessionId: id, certain: false }])
  expect((await reconcile(stage)).report?.actions).toEqual([])
  expect(provider.backend.count()).toBe(1)
  const second = await reconcile(stage)
  expect(second.report?.actions).toEqual([{ do: 'removeInstance', sessionId: id, generation: 1 }])
  await record(stage.client, 'reconcile', runOf(second.id))
  expect(provider.backend.count()).toBe(0)
  expect((await reconcile(stage)).report?.drifts).toEqual([])
})

test('an instance that no row knows of stays, until an operator names it; the name of a live one removes nothing', async () => {
  const { stage, provider, who } = await open()
  const live = await ask(stage.db, who)
  await until(stage.db, live, ['ready'])
  const stranger = newId('session')
  await provider.create(spec(stage, stranger), call())
  for (let n = 0; n < 3; n++) {
    const { report } = await reconcile(stage, { remove: [`carrel-${live}-1`] })
    expect(report?.drifts).toMatchObject([{ kind: 'unknown_instance', subject: `carrel-${stranger}-1` }])
    expect(report?.actions).toEqual([])
  }
  expect(provider.backend.count()).toBe(2)
  await reconcile(stage, { remove: [`carrel-${stranger}-1`] })
  expect(provider.backend.count()).toBe(1)
  expect((await stateOf(stage.db, live)).state).toBe('ready')
})

test('a session whose workflow was terminated while nobody asked anything of it is ended, and nothing is left', async () => {
  const { stage, provider, who } = await open()
  const id = await ask(stage.db, who)
  await until(stage.db, id, ['ready'])
  await stage.client.workflow.getHandle(sessionWorkflowId(id)).terminate('by hand')
  await eventually('the terminated run is missed', async () => {
    const { report } = await reconcile(stage)
    return report?.actions.some((action) => action.do === 'lookAgain') === true
  })
  await until(stage.db, id, ['failed'])
  expect(provider.backend.count()).toBe(0)
  expect(await held(stage.db, id)).toBe(0)
})

test('a reservation of an ended session is released', async () => {
  const { stage, who } = await open()
  const ended = await ask(stage.db, who)
  await stop(stage.db, ended)
  await until(stage.db, ended, ['stopped'])
  await stage.db.updateTable('reservation').set({ released_at: null, sessions: 1 }).execute()
  await reconcile(stage)
  await reconcile(stage)
  expect(await held(stage.db, ended)).toBe(0)
})

test('a plan that would remove too much removes nothing, until an operator arms the sweep again', async () => {
  const { stage, provider, who } = await open()
  const ids = await Promise.all(Array.from({ length: 7 }, async () => await ask(stage.db, who)))
  for (const id of ids) await stop(stage.db, id)
  for (const id of ids) await until(stage.db, id, ['stopped'])
  for (const id of ids) await provider.create(spec(stage, id), call())

  await reconcile(stage)
  const withheld = await reconcile(stage)
  expect(withheld).toMatchObject({ outcome: 'withheld', report: { withheld: 7, actions: [] } })
  await record(stage.client, 'reconcile-withheld', runOf(withheld.id))
  expect((await reconcile(stage)).report?.actions).toEqual([])
  expect(provider.backend.count()).toBe(7)

  await stage.db.updateTable('sweep').set({ disarmed_at: null, allowance: 7, withheld: null }).execute()
  expect((await reconcile(stage)).outcome).toBe('done')
  expect(provider.backend.count()).toBe(0)
})

test('sessions that lost their runs all at once live on, until an operator says that they are to end', async () => {
  // Temporal comes back without their runs ── seen ── seen again: withheld ── armed ── torn down
  const { stage, provider, who } = await open()
  const { db } = stage
  const ids = await Promise.all(Array.from({ length: 7 }, async () => await ask(db, who)))
  for (const id of ids) await until(db, id, ['ready'])
  for (const id of ids) await stage.client.workflow.getHandle(sessionWorkflowId(id)).terminate('lost')

  await eventually('they are missed, and left alone', async () => {
    const { outcome, report } = await reconcile(stage)
    expect(report?.actions).toEqual([])
    return outcome === 'withheld' && report?.withheld === 7
  })
  expect((await reconcile(stage)).report?.actions).toEqual([])
  for (const id of ids) expect((await stateOf(db, id)).state).toBe('ready')
  expect(provider.backend.count()).toBe(7)

  expect(await db.transaction().execute(async (trx) => await armSweep(trx, 'fake' as ProviderId))).toBe('armed')
  expect((await reconcile(stage)).outcome).toBe('done')
  for (const id of ids) await until(db, id, ['failed'])
  expect(provider.backend.count()).toBe(0)
})

test('a provider that does not list leaves everything as it is', async () => {
  const { stage, provider, who } = await open()
  const id = await ask(stage.db, who)
  await until(stage.db, id, ['ready'])
  provider.backend.goDown()
  const unreachable = await reconcile(stage)
  expect(unreachable).toMatchObject({ outcome: 'unreachable', report: null })
  await record(stage.client, 'reconcile-unreachable', runOf(unreachable.id))
  provider.backend.goUp()
  expect((await reconcile(stage)).outcome).toBe('done')
  expect((await stateOf(stage.db, id)).state).toBe('ready')
})

test('a database that is older than what it has done disarms itself; armed again it is further than ever', async () => {
  // run 1: tick 1 ── run 2: tick 2 ── (the dump of before run 1 is restored) ── run 3: tick 1 again
  const { stage, provider, who } = await open()
  const { db, client } = stage
  const id = await ask(db, who)
  await until(db, id, ['ready'])
  const schedule = client.schedule.getHandle(reconcileWorkflowId('fake' as ProviderId))
  const runs = async () => {
    const rows = await db.selectFrom('reconciliation').select(['outcome']).where('ended_at', 'is not', null).execute()
    return rows.length
  }
  /** One run and no more: it waits for one that is just closing, which would swallow it else. */
  const trigger = async () => {
    const before = await runs()
    await schedule.trigger(ScheduleOverlapPolicy.BUFFER_ONE)
    await eventually('the scheduled run has ended', async () => (await runs()) > before)
  }
  await trigger()
  await trigger()
  expect((await readArming(db)).disarmed).toBeNull()
  await db.updateTable('installation').set({ tick: '0' }).execute()
  await trigger()
  expect((await readArming(db)).disarmed).toBe('restored')

  // Disarmed, it tells nobody anything, and removes nothing.
  const second = await ask(db, who)
  await provider.create(spec(stage, second, 2), call())
  for (let n = 0; n < 3; n++) expect((await reconcile(stage)).outcome).toBe('disarmed')
  expect((await stateOf(db, second)).state).toBe('requested')
  expect(provider.backend.count()).toBe(2)

  await db.transaction().execute(armInstallation)
  await until(db, second, ['ready'])
  await trigger()
  expect((await readArming(db)).disarmed).toBeNull()
})

test('while the installation is disarmed no instance is removed, also by a run that is under way', async () => {
  const { stage, provider, who } = await open()
  const { db } = stage
  const id = await ask(db, who)
  await until(db, id, ['ready'])
  await db.updateTable('installation').set({ disarmed_at: new Date(), disarmed_reason: 'restored' }).execute()
  await stop(db, id)
  // Its own run hears of it all the same, as it would by a timer of its own.
  await stage.client.workflow.getHandle(sessionWorkflowId(id)).signal(lookAgain)
  await until(db, id, ['stopping'])
  await eventually('its instance is to be removed', async () => (await instanceOf(db, id)).tombstoned_at !== null)
  expect((await reconcile(stage)).outcome).toBe('disarmed')
  expect(provider.backend.calls.remove).toBe(0)
  await db.transaction().execute(armInstallation)
  await until(db, id, ['stopped'])
  expect(provider.backend.count()).toBe(0)
})

const instanceOf = async (db: Stage['db'], id: SessionId) =>
  await db.selectFrom('instance').selectAll().where('session_id', '=', id).executeTakeFirstOrThrow()
