import { expect, test } from 'vitest'
import {
  call,
  createPatiently,
  eventually,
  freshDeployment,
  freshKey,
  held,
  refOf,
  removed,
  running,
  timed,
} from './compute-harness.ts'
import type { Harness, InstanceKey } from './compute-harness.ts'

/** Several calls at once, on one name. */
export function raceCases(h: Harness, deployment: string): void {
  test('10 creates of one name at once: one is made, nine adopt, one object is there', async () => {
    // A: create ─ make ──────── answer made
    // B: ·create ─ exists ─ look up ─ answer adopted      (and eight more, on two driver objects)
    const key = freshKey(deployment)
    const drivers = [h().provider, h().another()]
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => createPatiently(drivers[i % 2] ?? h().provider, h().specs.server(key))),
    )
    // Whoever was too busy to answer in time, and had made it, adopts it when it is asked again.
    expect(answers.filter((a) => a.kind === 'made').length).toBeLessThanOrEqual(1)
    expect(answers.filter((a) => a.kind === 'adopted').length).toBeGreaterThanOrEqual(9)
    expect(answers.filter((a) => !['made', 'adopted'].includes(a.kind))).toEqual([])
    expect(await held(h, deployment)).toHaveLength(1)
    await running(h, key)
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 120_000)

  test('remove while creating: whoever wins, the removal after the create leaves nothing', async () => {
    // create: ─ make … ─────────────── answer ─ (the caller sees the tombstone) ─ remove
    // remove: ──────── remove ─ answer
    const key = freshKey(deployment)
    const [created] = await Promise.all([
      h().provider.create(h().specs.server(key), call()),
      h().another().remove(refOf(key), call()),
    ])
    expect(created.kind).toMatch(/^(made|adopted|unavailable)$/)
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 120_000)

  test('a create that is cancelled answers soon, and a removal clears what it began', async () => {
    const key = freshKey(deployment)
    const stop = new AbortController()
    const creating = h().provider.create(h().specs.server(key), { signal: stop.signal })
    stop.abort()
    const { ms, result } = await timed(() => creating)
    expect(result.kind).toMatch(/^(made|adopted|unavailable)$/)
    expect(ms).toBeLessThan(h().limits.boundedMs)
    const nothing = async () => {
      await h().provider.remove(refOf(key), call())
      return await h().leftovers(deployment)
    }
    expect(await eventually(nothing, (left) => left.length === 0, 30_000)).toEqual([])
  }, 120_000)
}

/** Several instances, several deployments. */
export function listCases(h: Harness, deployment: string): void {
  test('10 creates of different names at once: all are listed, over more than one page where there are pages', async () => {
    const keys = Array.from({ length: 10 }, () => freshKey(deployment))
    if (h().pageSize !== null) expect(h().pageSize).toBeLessThan(keys.length)
    const answers = await Promise.all(keys.map((key) => createPatiently(h().provider, h().specs.server(key))))
    for (const answer of answers) expect(answer.kind).toMatch(/^(made|adopted)$/)
    const seen = await held(h, deployment)
    const identity = (k: { sessionId: string; generation: number }) => `${k.sessionId} ${k.generation}`
    expect(seen.map(identity).sort()).toEqual(keys.map(identity).sort())
    expect(seen.map((o) => o.ref.name).sort()).toEqual(keys.map((k) => k.name).sort())
    await Promise.all(keys.map((key) => removed(h, key)))
    expect(await held(h, deployment)).toEqual([])
    expect(await h().leftovers(deployment)).toEqual([])
  }, 120_000)

  test('two deployments on one backend do not see each other, not even under one name', async () => {
    const ours = freshKey(deployment)
    const theirs: InstanceKey = { ...ours, deploymentId: freshDeployment() }
    try {
      await h().provider.create(h().specs.server(ours), call())
      expect(await h().provider.inspect(refOf(theirs), call())).toEqual({ kind: 'absent' })
      expect(await h().provider.remove(refOf(theirs), call())).toEqual({ kind: 'removed' })
      await running(h, ours)
      expect((await h().provider.create(h().specs.server(theirs), call())).kind).toBe('made')
      await removed(h, ours)
      await running(h, theirs)
      expect(await held(h, deployment)).toEqual([])
      expect(await held(h, theirs.deploymentId)).toHaveLength(1)
    } finally {
      await removed(h, theirs)
    }
    expect(await h().leftovers(theirs.deploymentId)).toEqual([])
  }, 120_000)
}
