import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, inject, test } from 'vitest'
import { freePort } from '../../stack/ports.ts'
import { startTemporal } from '../../stack/temporal.ts'
import { fakeConfiguration, quickTimings } from '../setup/fake-site.ts'
import { clientOf, createSite } from '../setup/site.ts'
import type { Site } from '../setup/site.ts'
import { addAccount } from '../setup/person.ts'
import { ask, eventually, stateOf, stop, until } from '../temporal/stage.ts'
import { createFollower, templateId } from './portal.ts'

const directory = mkdtempSync(join(tmpdir(), 'carrel-lost-answers-'))
const cleanups: (() => Promise<unknown>)[] = []
const later = (cleanup: () => Promise<unknown>) => void cleanups.push(cleanup)

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  rmSync(directory, { recursive: true, force: true })
})

async function openSite(temporalAddress?: string, startMs = 0): Promise<Site> {
  const site = await createSite({
    configuration: fakeConfiguration(1, startMs),
    timings: quickTimings,
    ...(temporalAddress === undefined ? {} : { temporalAddress }),
  })
  later(async () => await site.close())
  return site
}

test('an api killed between its commit and its answer: the same key finds the same session', async () => {
  // api 1: commit ── waits for the decision ──✗
  // api 2:                                       same key ── the same session
  const site = await openSite()
  const first = await site.startApi()
  const second = await site.startApi()
  const template = await templateId(clientOf(first.url, site.user.token))
  const headers = { 'idempotency-key': randomUUID(), prefer: 'wait=30' }
  const lost = clientOf(first.url, site.user.token)('POST', '/v1/sessions', { templateId: template }, headers).then(
    () => 'answered',
    () => 'lost',
  )
  await eventually('the session is committed', async () => {
    return (await site.db.selectFrom('session').select('id').execute()).length === 1
  })
  await first.child.kill()
  expect(await lost).toBe('lost')

  const portal = clientOf(second.url, site.user.token)
  const replayed = portal('POST', '/v1/sessions', { templateId: template }, headers)
  await site.startWorker()
  const answer = await replayed
  expect(answer.status).toBe(201)
  const rows = await site.db.selectFrom('session').select('id').execute()
  expect(rows).toEqual([{ id: answer.body['id'] }])
  await portal('DELETE', `/v1/sessions/${answer.body['id']}`)
  expect((await createFollower(portal).end(String(answer.body['id']))).state).toBe('stopped')
})

test('with Temporal down, create and stop are accepted in the usual time, and a stopped session closes at once', async () => {
  const options = {
    cli: inject('temporalCli'),
    port: await freePort(),
    namespace: 'carrel',
    databaseFile: join(mkdtempSync(join(tmpdir(), 'carrel-temporal-')), 'temporal.db'),
  }
  let temporal = await startTemporal(options)
  later(async () => await temporal.stop())
  const site = await openSite(temporal.address)
  const api = await site.startApi()
  await site.startWorker()
  const portal = clientOf(api.url, site.user.token)
  const template = await templateId(portal)
  const create = async () =>
    await portal('POST', '/v1/sessions', { templateId: template }, { 'idempotency-key': randomUUID() })
  const id = String((await create()).body['id'])
  expect((await createFollower(portal).ready(id)).state).toBe('ready')
  const door = { door: 'web', mode: 'control' }
  expect((await portal('POST', `/v1/sessions/${id}/connections`, door)).status).toBe(201)

  await temporal.stop()
  const began = Date.now()
  const undecided = await create()
  expect(undecided.status).toBe(202)
  expect(Date.now() - began).toBeLessThan(5_000)
  const stopped = await portal('DELETE', `/v1/sessions/${id}`)
  expect(stopped).toMatchObject({ status: 202, body: { id } })
  expect(stopped.body['stopRequestedAt']).toBeTypeOf('string')
  expect((await portal('POST', `/v1/sessions/${id}/connections`, door)).status).toBe(403)
  expect((await portal('DELETE', `/v1/sessions/${id}`)).status).toBe(202)

  temporal = await startTemporal(options)
  expect(await createFollower(portal).end(id)).toMatchObject({ state: 'stopped', reason: 'user' })
  const second = String(undecided.body['id'])
  expect((await createFollower(portal).ready(second)).state).toBe('ready')
  await portal('DELETE', `/v1/sessions/${second}`)
  expect((await createFollower(portal).end(second)).state).toBe('stopped')
})

test('a worker killed between the commit of a dispatch and its signal: the dispatched session starts all the same', async () => {
  // worker 1:  first becomes ready ── dispatch commits: second may begin ──✗ (no signal was sent)
  // worker 2:                                                                 its starter finds the row due
  // The second waits for its place long before the first is ready.
  const site = await openSite(undefined, 3_000)
  const { db } = site
  const who = await addAccount(db)
  const marker = join(mkdtempSync(join(tmpdir(), 'carrel-fault-')), 'marker')
  const fault = JSON.stringify({ activity: 'becomeReady', when: 'after', marker })
  const dying = await site.startWorker('test/setup/faulty-worker.ts', { TEST_FAULT: fault })
  const first = await ask(db, who)
  const second = await ask(db, who)
  await dying.child.ended
  const states = await Promise.all([first, second].map(async (id) => (await stateOf(db, id)).state))
  expect(states.toSorted()).toEqual(['provisioning', 'ready'])
  const made = await db.selectFrom('instance').select('made_at').where('session_id', '=', second).executeTakeFirst()
  await site.startWorker()
  for (const id of [first, second]) {
    await until(db, id, ['ready', 'failed'], 40_000)
    await stop(db, id)
    await until(db, id, ['stopped', 'failed'], 40_000)
  }
  // The instance of the first died with its worker, whose memory it was; the second was begun by the next worker, unless this one
  // had come that far.
  expect(made?.made_at instanceof Date ? ['user', 'instance_lost'] : ['user']).toContain(
    (await stateOf(db, second)).reason,
  )
})
