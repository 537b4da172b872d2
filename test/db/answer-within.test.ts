import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createComputeActivities } from '../../activities/compute.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { withTimings } from '../../domain/timings.ts'
import { locator } from '../../platform/target.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { plainSecrets } from '../setup/plain-secrets.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

let rows: Rows
beforeAll(async () => {
  rows = await createRows()
})
afterEach(() => vi.restoreAllMocks())
afterAll(async () => await rows.close())

test.each([60_000, 60_001])('a create that has %i ms left waits for the answer in half of that', async (leftMs) => {
  const key = await rows.session(await rows.account())
  await rows.scene(key, { state: 'provisioning', dispatched_at: new Date() })
  const { createInstance, removeInstance } = createComputeActivities({
    db: rows.db,
    providerId: 'fake' as ProviderId,
    provider: createFakeProvider({ endpoint: 'serve' }),
    secrets: plainSecrets,
    locate: locator([]),
    timings: withTimings({}),
    stopping: new AbortController().signal,
  })
  const environment = new MockActivityEnvironment({ startToCloseTimeoutMs: leftMs })
  // Its try begins now, and takes no time.
  const now = Date.now()
  vi.spyOn(Date, 'now').mockReturnValue(now)
  const created = await environment.run(createInstance, { ...key, waitMs: leftMs })
  expect(created).toEqual({ kind: 'created', readiness: { kind: 'ready' } })
  await environment.run(removeInstance, key)
})
