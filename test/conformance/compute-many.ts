import { expect, test } from 'vitest'
import type { Facets, ManyHarness } from './compute-facets.ts'
import { call, eventually, freshDeployment, freshKey, held, listed, refOf } from './compute-harness.ts'
import type { Harness, InstanceKey } from './compute-harness.ts'
import { ProviderUnreachable } from '../../ports/compute/provider.ts'

const count = 120
/** One list asks page by page, and not for each instance. */
const requestsPerList = 40

/** More than one page of any backend. */
export function manyCases(h: Harness, can: Facets): void {
  if (can.many !== true) {
    test(`WITHOUT MANY: nothing makes ${count} instances cheaply here`, () => expect(h().many).toBeUndefined())
    return
  }
  const many = (): ManyHarness => {
    const present = h().many
    if (present === undefined) throw new Error('the harness promised many')
    return present
  }

  test(`${count} instances of one deployment are listed, each once, page by page, and nobody else’s`, async () => {
    const deployment = freshDeployment()
    const keys = Array.from({ length: count }, () => freshKey(deployment))
    const stranger = freshKey(freshDeployment())
    await many().make([...keys, stranger])
    try {
      const names = (all: readonly { readonly ref: { readonly name: string } }[]) =>
        all.map(({ ref }) => ref.name).sort()
      const wanted = keys.map(({ name }) => name).sort()
      const list = async () => names(await held(h, deployment))
      expect(await eventually(list, (all) => all.length >= count, 60_000)).toEqual(wanted)
      expect(names(await held(h, stranger.deploymentId))).toEqual([stranger.name])

      const { faults } = h()
      const before = faults?.http?.requests()
      if (faults?.http !== undefined && before !== undefined) {
        expect(names(await listed(faults.provider, deployment))).toEqual(wanted)
        expect(faults.http.requests() - before).toBeLessThan(requestsPerList)
      }
      await goesOnWhileOneGoes(deployment, keys)
    } finally {
      await many().unmake([...keys, stranger])
    }
    const left = () => h().leftovers(deployment)
    expect(await eventually(left, (all) => all.length === 0, 60_000)).toEqual([])
    expect(await held(h, deployment)).toEqual([])
  }, 600_000)

  // list:   page 1 … its last one ─────────── page 2 ("after that last one") …
  // remove: ─────────────────────── that one
  async function goesOnWhileOneGoes(deployment: string, keys: readonly InstanceKey[]): Promise<void> {
    const { pageSize } = h()
    if (pageSize === null) return
    const seen = new Set<string>()
    let left: string | undefined
    try {
      for await (const { ref } of h().provider.list(deployment, call())) {
        seen.add(ref.name)
        if (seen.size !== pageSize) continue
        left = ref.name
        await eventually(
          () => h().another().remove({ name: ref.name, deploymentId: deployment }, call()),
          ({ kind }) => kind === 'removed',
          60_000,
        )
      }
    } catch (error) {
      // A list that cannot go on says so; it never ends early as if it were whole.
      expect(error).toBeInstanceOf(ProviderUnreachable)
      return
    }
    const missed = keys.filter(({ name }) => name !== left && !seen.has(name))
    expect(missed.map(refOf)).toEqual([])
  }
}
