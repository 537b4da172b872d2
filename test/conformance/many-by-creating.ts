import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import { pooled } from '../bench/rounds.ts'
import type { ManyHarness } from './compute-facets.ts'
import { call, createPatiently, eventually, made, refOf } from './compute-harness.ts'
import type { InstanceKey } from './compute-harness.ts'

/** Does something for each, some at a time. */
export async function eachOf(
  keys: readonly InstanceKey[],
  deed: (key: InstanceKey) => Promise<void>,
  inFlight = 4,
): Promise<void> {
  await pooled(keys.length, inFlight, async (n) => {
    const key = keys[n]
    if (key !== undefined) await deed(key)
  })
}

/** Many of something that costs the backend little, by the driver itself, some at a time. */
export const manyByCreating = (
  provider: ComputeProvider,
  spec: (key: InstanceKey) => InstanceSpec,
  inFlight = 8,
): ManyHarness => ({
  async make(keys) {
    const make = async (key: InstanceKey) => {
      const created = await createPatiently(provider, spec(key))
      if (!made(created)) throw new Error(`one of many was not made: ${JSON.stringify(created)}`)
    }
    await eachOf(keys, make, inFlight)
  },
  async unmake(keys) {
    const unmake = async (key: InstanceKey) => {
      const remove = () => provider.remove(refOf(key), call())
      await eventually(remove, ({ kind }) => kind === 'removed', 60_000)
    }
    await eachOf(keys, unmake, inFlight)
  },
})
