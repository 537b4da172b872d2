import { expect, test } from 'vitest'
import { ProviderUnreachable } from '../../ports/compute/provider.ts'
import { call, eventually, freshKey, listed, refOf, removed, running, sweep, timed } from './compute-harness.ts'
import type { ComputeFaults, Harness } from './compute-harness.ts'

/** What lies between driver and backend fails. */
export function faultCases(h: Harness, deployment: string): void {
  const faults = (): ComputeFaults => {
    const present = h().faults
    if (present === undefined) throw new Error('the harness promised faults')
    return present
  }
  const duringFault = async (begin: () => void, deed: () => Promise<void>) => {
    begin()
    try {
      await deed()
    } finally {
      faults().recover()
    }
  }

  test('a lost answer: the next create adopts what the first one made', async () => {
    const key = freshKey(deployment)
    await duringFault(
      () => faults().loseNextAnswer(),
      async () => {
        const answer = await faults().provider.create(h().specs.server(key), call())
        expect(answer.kind).toMatch(/^(unavailable|adopted)$/)
      },
    )
    expect((await h().provider.create(h().specs.server(key), call())).kind).toBe('adopted')
    expect(await listed(h().provider, deployment)).toHaveLength(1)
    await running(h, key)
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 90_000)

  test('a zombie create that lands after the removal is listed, and the next removal clears it', async () => {
    // create: ─ sent ·······(held)······························ lands
    // caller: ──── times out: unavailable ─ remove ─ removed ──────── list shows it ─ remove ─ nothing left
    // A driver cannot prevent this: `settleMs` says how long it may take, reconcile lists again.
    const key = freshKey(deployment)
    const held = faults().holdNextCreate()
    expect((await faults().provider.create(h().specs.server(key), call())).kind).toBe('unavailable')
    faults().recover()
    expect(await h().provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
    await held.land()
    const list = () => listed(h().provider, deployment)
    const [zombie] = await eventually(list, (all) => all.length === 1, 10_000)
    expect(zombie).toMatchObject({ sessionId: key.sessionId, generation: key.generation })
    await removed(h, key)
    expect(await list()).toEqual([])
    expect(await h().leftovers(deployment)).toEqual([])
  }, 90_000)

  for (const [what, begin] of [
    ['refuses connections', () => faults().goDown()],
    ['hangs for 60 s', () => faults().hang()],
  ] as const)
    test(`a backend that ${what}: every answer is bounded, and none is "absent"`, async () => {
      const key = freshKey(deployment)
      await h().provider.create(h().specs.server(key), call())
      await duringFault(begin, async () => {
        const { ms, result } = await timed(() =>
          Promise.all([
            faults().provider.inspect(refOf(key), call()),
            faults().provider.create(h().specs.server(freshKey(deployment)), call()),
            faults().provider.remove(refOf(key), call()),
            listed(faults().provider, deployment).catch((error: unknown) => error),
          ]),
        )
        const [inspected, created, removal, list] = result
        expect([inspected.kind, created.kind, removal.kind]).toEqual(['unknown', 'unavailable', 'unknown'])
        expect(list).toBeInstanceOf(ProviderUnreachable)
        expect(ms).toBeLessThan(h().limits.boundedMs)
      })
      await removed(h, key)
      await eventually(
        () => sweep(h(), deployment),
        (left) => left.length === 0,
        30_000,
      )
    }, 120_000)
}
