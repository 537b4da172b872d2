import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createObserveActivities } from '../../activities/observe.ts'
import { beginInstance, readInstance, recordMade } from '../../db/instances.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { withTimings } from '../../domain/timings.ts'
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
