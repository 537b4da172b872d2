import { expect, test } from 'vitest'
import type { Facets, MountHarness } from './compute-facets.ts'
import { call, freshKey, made, refOf, removed, running, withMount } from './compute-harness.ts'
import type { Harness } from './compute-harness.ts'

/** What is mounted is what was checked. */
export function mountCases(h: Harness, deployment: string, can: Facets): void {
  const target = '/mnt/data'
  const mounts = (): MountHarness => {
    const present = h().mounts
    if (present === undefined) throw new Error('the harness promised mounts')
    return present
  }
  const swappable = async () => {
    const directory = await mounts().swappable?.()
    if (directory === undefined) throw new Error('the harness promised a directory that can be swapped')
    return directory
  }

  test('what only an operator can replace is mounted', async () => {
    const key = freshKey(deployment)
    const { source, marker } = await mounts().safe()
    const spec = withMount(h().specs.server(key), { ...source, target, mode: 'ro' })
    expect(await h().provider.create(spec, call())).toMatchObject({ kind: 'made' })
    await running(h, key)
    expect(await mounts().read(refOf(key), target)).toBe(marker)
    expect(await mounts().write(refOf(key), target)).toMatch(/read-only file system/i)
    expect(await mounts().read(refOf(key), target)).toBe(marker)
    await removed(h, key)
  }, 120_000)

  if (can.swaps === false) {
    test('WITHOUT SWAPS: no directory is mounted here that anybody could swap', () =>
      expect(mounts().swappable).toBeUndefined())
    return
  }

  test('a directory that a user could swap for a link is refused, before and after the swap', async () => {
    const { hostPath, swap } = await swappable()
    const attempt = () =>
      h().provider.create(withMount(h().specs.server(freshKey(deployment)), { hostPath, target, mode: 'rw' }), call())
    expect(await attempt()).toMatchObject({ kind: 'refused', code: 'start_failed' })
    await swap()
    expect(await attempt()).toMatchObject({ kind: 'refused', code: 'start_failed' })
    expect(await h().leftovers(deployment)).toEqual([])
  }, 60_000)

  test('a link swapped between check and mount never shows the other place', async () => {
    // driver: ─ check (a directory) ─────────── mount ─ (what stands there now?)
    // user:   ───────────────── swap for a link ──────
    for (let round = 0; round < 5; round++) {
      const key = freshKey(deployment)
      const { hostPath, forbidden, swap } = await swappable()
      const creating = h().provider.create(withMount(h().specs.server(key), { hostPath, target, mode: 'rw' }), call())
      await swap()
      if (made(await creating)) expect(await mounts().read(refOf(key), target)).not.toBe(forbidden)
      await removed(h, key)
    }
  }, 90_000)
}
