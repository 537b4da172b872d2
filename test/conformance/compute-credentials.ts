import { expect, test } from 'vitest'
import type { CredentialHarness, Facets } from './compute-facets.ts'
import { knowsNothing } from './compute-faults.ts'
import {
  call,
  createPatiently,
  eventually,
  freshKey,
  isKind,
  listed,
  refOf,
  removed,
  running,
} from './compute-harness.ts'
import type { Harness } from './compute-harness.ts'

/** What the driver shows the backend stops being good in the middle. */
export function credentialCases(h: Harness, deployment: string, can: Facets): void {
  if (can.credentials !== true) {
    test('WITHOUT CREDENTIALS: this driver shows its backend none that could lapse here', () =>
      expect(h().credentials).toBeUndefined())
    return
  }
  const credentials = (): CredentialHarness => {
    const present = h().credentials
    if (present === undefined) throw new Error('the harness promised credentials')
    return present
  }

  test('credentials that lapse in the middle: they are renewed, or nothing is believed until there are others', async () => {
    const key = freshKey(deployment)
    const { provider, renewed } = credentials()
    await createPatiently(provider, h().specs.server(key))
    await running(h, key)
    const inspect = () => provider.inspect(refOf(key), call())
    expect((await inspect()).kind).toBe('running')
    await credentials().lapse()
    try {
      if (!renewed) await knowsNothing(h(), provider, key)
    } finally {
      if (!renewed) await credentials().restore()
    }
    expect((await eventually(inspect, isKind('running', 'absent'), 30_000)).kind).toBe('running')
    expect((await listed(provider, deployment)).map(({ ref }) => ref.name)).toContain(key.name)
    const other = freshKey(deployment)
    expect((await createPatiently(provider, h().specs.server(other))).kind).toBe('made')
    for (const each of [key, other]) await removed(h, each)
    if (renewed) await credentials().restore()
    expect(await h().leftovers(deployment)).toEqual([])
  }, 300_000)
}
