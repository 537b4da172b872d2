import { openProvider } from '../../ports/compute/drivers.ts'
import type { RealBackend } from './backend.ts'

/** Removes what a test that failed has left at the backend: nothing of ours stays on a machine that is not ours. */
export async function clear({ provider }: RealBackend, deploymentId: string): Promise<void> {
  const driver = openProvider({ ...provider, development: true, weakIsolationAllowedFor: [] })
  try {
    for await (const { ref } of driver.list(deploymentId, { signal: AbortSignal.timeout(60_000) }))
      await driver.remove(ref, { signal: AbortSignal.timeout(60_000) })
  } finally {
    await driver.close()
  }
}
