import { openProvider } from '../ports/compute/drivers.ts'
import type { ComputeProvider } from '../ports/compute/provider.ts'
import { readKept, type Kept } from './kept.ts'

const limitMs = 60_000

/**
 * Removes what an installation whose data is about to be forgotten still has running: afterwards nobody would know that
 * it is ours. What can't be reached is told and stays.
 */
export async function removeInstances(keptFile: string, say: (line: string) => void): Promise<void> {
  const kept = await readKept(keptFile).catch(() => undefined)
  if (kept?.deploymentId === undefined) return
  for (const provider of kept.providers) {
    const removed = await removeAt(provider, kept.deploymentId).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : 'unknown'
      say(`what earlier sessions left at the provider ${provider.id} could not be removed: ${why}`)
      return 0
    })
    if (removed > 0) say(`removed ${removed} session(s) that an earlier run left at the provider ${provider.id}`)
  }
}

async function removeAt(kept: Kept['providers'][number], deploymentId: string): Promise<number> {
  const provider = openProvider({ ...kept, development: true, weakIsolationAllowedFor: [] })
  try {
    return await removeAll(provider, deploymentId)
  } finally {
    await provider.close()
  }
}

async function removeAll(provider: ComputeProvider, deploymentId: string): Promise<number> {
  const call = () => ({ signal: AbortSignal.timeout(limitMs) })
  let removed = 0
  for await (const { ref } of provider.list(deploymentId, call())) {
    const outcome = await provider.remove(ref, call())
    if (outcome.kind !== 'removed') throw new Error(outcome.why)
    removed++
  }
  return removed
}
