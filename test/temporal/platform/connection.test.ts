import { afterEach, expect, inject, test, vi } from 'vitest'
import { connectTemporal, createTemporalClient } from '../../../platform/temporal/connection.ts'

afterEach(() => vi.unstubAllEnvs())

test('a proxy that the machine was told of is not asked for Temporal', async () => {
  // Nobody listens on this port.
  vi.stubEnv('http_proxy', 'http://127.0.0.1:9')
  vi.stubEnv('no_proxy', '')
  const place = { address: inject('temporalAddress'), namespace: 'default' }
  const connection = await connectTemporal(place)
  await connection.close()
  const client = createTemporalClient(place, {})
  const info = await client.withDeadline(Date.now() + 30_000, () => client.workflowService.getSystemInfo({}))
  expect(info.serverVersion).toMatch(/^\d+\./)
  await client.connection.close()
})
