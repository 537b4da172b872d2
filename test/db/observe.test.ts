import { MockActivityEnvironment } from '@temporalio/testing'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createObserveActivities } from '../../activities/observe.ts'
import { createGauges } from '../../api/status/gauges.ts'
import { beginInstance, readInstance, recordMade } from '../../db/instances.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { withTimings } from '../../domain/timings.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

const fakeId = 'fake' as ProviderId
const timings = withTimings({ observeIdleMs: 10, observeBusyMs: 10 })
let rows: Rows
beforeAll(async () => {
  rows = await createRows()
})
afterEach(() => vi.restoreAllMocks())
afterAll(async () => await rows.close())

test('what disappeared is noticed at once by a worker whose clock is an hour behind', async () => {
  const { db } = rows
  const key = await rows.session(await rows.account())
  const row = await beginInstance(db, key, fakeId, Buffer.from('secret'))
  await recordMade(db, key, { ...row.ref, ids: { fake: row.name } })
  await rows.scene(key, { state: 'ready' })
  const clock = Date.now.bind(Date)
  vi.spyOn(Date, 'now').mockImplementation(() => clock() - 3_600_000)
  const { observeProvider } = createObserveActivities({
    db,
    providerId: fakeId,
    provider: createFakeProvider(),
    deploymentId: 'nothing is there',
    timings,
    stopping: new AbortController().signal,
  })
  const environment = new MockActivityEnvironment()
  const observing = environment.run(observeProvider, { providerId: fakeId, timings })
  const seen = async () => (await readInstance(db, key))?.seen
  await expect.poll(seen, { interval: 20 }).toBe('absent')
  environment.cancel()
  await expect(observing).rejects.toThrow()
})

test('how old a list is tells since when nobody saw all of the provider: failed lists make it no younger', async () => {
  const { db } = rows
  const backend = createFakeBackend()
  const metrics = createMetrics('test')
  const fill = createGauges(metrics)
  const age = async () => {
    await fill(db)
    const line = /^carrel_provider_list_age_seconds\{provider="fake",process="test"\} (\S+)$/m
    const told = line.exec((await metrics.expose()).text)?.[1]
    return told === undefined ? null : Number(told)
  }
  const health = db.selectFrom('provider_health').where('provider_id', '=', fakeId)
  const failing = async () => (await health.select('observe_error').executeTakeFirst())?.observe_error ?? null
  /** Looks until it can be told, and says no more. */
  const looking = async (until: () => Promise<void>) => {
    const environment = new MockActivityEnvironment()
    const provider = createFakeProvider({ backend })
    const stopping = new AbortController().signal
    const deps = { db, providerId: fakeId, provider, deploymentId: 'here', timings, stopping }
    const { observeProvider } = createObserveActivities(deps)
    const observing = environment.run(observeProvider, { providerId: fakeId, timings })
    await until()
    environment.cancel()
    await expect(observing).rejects.toThrow()
  }
  const patience = { interval: 20, timeout: 20_000 }
  const fails = async () => await expect.poll(failing, patience).not.toBeNull()
  const lists = async () => await expect.poll(failing, patience).toBeNull()

  await db.deleteFrom('provider_health').where('provider_id', '=', fakeId).execute()
  backend.goDown()
  await looking(fails)
  expect(await age()).toBeNull()

  backend.goUp()
  await looking(lists)
  expect(await age()).toBeLessThan(300)

  await sql`update provider_health set observed_at = now() - interval '10 minutes' where provider_id = ${fakeId}`.execute(
    db,
  )
  backend.goDown()
  await looking(fails)
  expect(await age()).toBeGreaterThanOrEqual(600)
})
