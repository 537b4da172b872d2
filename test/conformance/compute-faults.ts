import { expect, test } from 'vitest'
import { ProviderUnreachable } from '../../ports/compute/provider.ts'
import type { ComputeFaults } from './compute-facets.ts'
import {
  call,
  createPatiently,
  eventually,
  freshKey,
  held,
  isKind,
  listed,
  refOf,
  removed,
  running,
  sweep,
  timed,
} from './compute-harness.ts'
import type { ComputeHarness, Harness, InstanceKey } from './compute-harness.ts'
import type { ComputeProvider } from '../../ports/compute/provider.ts'

/** Does something while it fails, and sees to it that all is well afterwards, whatever came of it. */
export async function duringFault(
  faults: Pick<ComputeFaults, 'recover'>,
  begin: () => Promise<void> | void,
  deed: () => Promise<void>,
): Promise<void> {
  await begin()
  try {
    await deed()
  } finally {
    await faults.recover()
  }
}

/** What a driver says when nothing can be known: every answer is bounded, and none is "absent". */
export async function knowsNothing(
  harness: ComputeHarness,
  provider: ComputeProvider,
  key: InstanceKey,
): Promise<{ readonly retryAfterMs: number | null }> {
  const { ms, result } = await timed(() =>
    Promise.all([
      provider.inspect(refOf(key), call()),
      provider.create(harness.specs.server(freshKey(key.deploymentId)), call()),
      provider.remove(refOf(key), call()),
      listed(provider, key.deploymentId).catch((error: unknown) => error),
    ]),
  )
  const [inspected, created, removal, list] = result
  expect([inspected.kind, created.kind, removal.kind]).toEqual(['unknown', 'unavailable', 'unknown'])
  expect(list).toBeInstanceOf(ProviderUnreachable)
  expect(ms).toBeLessThan(harness.limits.boundedMs)
  return { retryAfterMs: created.kind === 'unavailable' ? created.retryAfterMs : null }
}

/** Afterwards it runs as before, and what may have been begun meanwhile can be cleared. */
export async function wellAgain(h: Harness, key: InstanceKey): Promise<void> {
  const inspect = () => h().provider.inspect(refOf(key), call())
  expect((await eventually(inspect, isKind('running', 'absent', 'exited'), h().limits.startMs)).kind).toBe('running')
  await removed(h, key)
  await eventually(
    () => sweep(h(), key.deploymentId),
    (left) => left.length === 0,
    30_000,
  )
}

export function faultsOf(h: Harness): ComputeFaults {
  const present = h().faults
  if (present === undefined) throw new Error('the harness promised faults')
  return present
}

/** What lies between driver and backend fails. */
export function faultCases(h: Harness, deployment: string): void {
  const faults = () => faultsOf(h)

  test('a lost answer: the next create adopts what the first one made', async () => {
    const key = freshKey(deployment)
    await duringFault(
      faults(),
      () => faults().loseNextAnswer(),
      async () => {
        const answer = await faults().provider.create(h().specs.server(key), call())
        expect(answer.kind).toMatch(/^(unavailable|adopted)$/)
      },
    )
    expect((await h().provider.create(h().specs.server(key), call())).kind).toBe('adopted')
    expect(await held(h, deployment)).toHaveLength(1)
    await running(h, key)
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 120_000)

  test('a zombie create that lands after the removal is listed, and the next removal clears it', async () => {
    // create: ─ sent ·······(held)······························ lands
    // caller: ──── times out: unavailable ─ remove ─ removed ──────── list shows it ─ remove ─ nothing left
    // A driver cannot prevent this: `settleMs` says how long it may take, reconcile lists again.
    const key = freshKey(deployment)
    const late = faults().holdNextCreate()
    expect((await faults().provider.create(h().specs.server(key), call())).kind).toBe('unavailable')
    await faults().recover()
    expect(await h().provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
    await late.land()
    const list = () => held(h, deployment)
    const [zombie] = await eventually(list, (all) => all.length === 1, h().limits.startMs)
    expect(zombie).toMatchObject({ sessionId: key.sessionId, generation: key.generation })
    await removed(h, key)
    expect(await list()).toEqual([])
    expect(await h().leftovers(deployment)).toEqual([])
  }, 120_000)

  for (const [what, begin] of [
    ['refuses connections', () => faults().goDown()],
    ['hangs for 60 s', () => faults().hang()],
  ] as const)
    test(`a backend that ${what}: every answer is bounded, and none is "absent"`, async () => {
      const key = freshKey(deployment)
      await createPatiently(h().provider, h().specs.server(key))
      await running(h, key)
      await duringFault(faults(), begin, async () => void (await knowsNothing(h(), faults().provider, key)))
      await wellAgain(h, key)
    }, 120_000)

  test('a slow backend: everything takes longer, and nothing else is different', async () => {
    const key = freshKey(deployment)
    const { provider } = faults()
    await duringFault(
      faults(),
      () => faults().slow(),
      async () => {
        expect((await provider.create(h().specs.server(key), call())).kind).toBe('made')
        const inspect = () => provider.inspect(refOf(key), call())
        await eventually(inspect, isKind('running'), h().limits.startMs)
        expect((await listed(provider, deployment)).map(({ ref }) => ref.name)).toContain(key.name)
        const remove = () => provider.remove(refOf(key), call())
        await eventually(remove, (answer) => answer.kind === 'removed', 60_000)
      },
    )
    expect(await h().leftovers(deployment)).toEqual([])
  }, 120_000)
}
