import { expect, test } from 'vitest'
import type { ComputeProvider, InstanceState } from '../../ports/compute/provider.ts'
import { instanceName } from '../../domain/ids.ts'
import {
  call,
  createPatiently,
  eventually,
  freshKey,
  held,
  isKind,
  refOf,
  removed,
  running,
} from './compute-harness.ts'
import type { Harness, InstanceKey } from './compute-harness.ts'
import { untried } from './untried.ts'

/**
 * An instance that rests, and what brings it back: where it wakes, the same one; where it is remade, the next one on what it
 * stored. A driver that says that it cannot is held to that.
 */
export function pauseCases(h: Harness, deployment: string): void {
  const wakes = ({ capabilities }: ComputeProvider) => capabilities.pause && capabilities.resume !== 'remakes'
  const remakes = ({ capabilities }: ComputeProvider) => capabilities.pause && capabilities.resume === 'remakes'
  const inspect = async (key: InstanceKey) => await h().provider.inspect(refOf(key), call())

  test('what it can is what it has: pause, and resume where what is paused wakes', () => {
    const { provider } = h()
    if (provider.capabilities.pause) expect(provider.pause).toBeDefined()
    else expect(provider.capabilities.resume).toBeUndefined()
    if (wakes(provider)) expect(provider.resume).toBeDefined()
  })

  test('what is paused rests, seen by look and by list, and wakes as the same; both are idempotent', async () => {
    if (!wakes(h().provider)) {
      untried(wakes(h().another())).toBe(false)
      return
    }
    const key = await begun(h, deployment)
    await asked(h, key, 'pause', 'paused')
    expect(await inspect(key)).toEqual({ kind: 'paused' })
    expect((await held(h, deployment)).map(({ ref, state }) => [ref.name, state.kind])).toEqual([[key.name, 'paused']])
    await asked(h, key, 'pause', 'paused')
    const woken = await asked(h, key, 'resume', 'running')
    expect(woken.kind === 'running' && woken.endpoints.map((e) => e.port)).toEqual([8080])
    await asked(h, key, 'resume', 'running')
    expect((await held(h, deployment)).map((o) => o.generation)).toEqual([1])
    await asked(h, key, 'pause', 'paused')
    await asked(h, key, 'resume', 'running')
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 900_000)

  test('what rests is removed as what runs: nothing is left', async () => {
    if (!h().provider.capabilities.pause) {
      untried(h().another().capabilities.pause).toBe(false)
      return
    }
    const key = await begun(h, deployment)
    await asked(h, key, 'pause', 'paused')
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 600_000)

  test('a removal on the way to rest, and one on the way back, leave nothing', async () => {
    if (!h().provider.capabilities.pause) {
      untried(h().another().capabilities.pause).toBe(false)
      return
    }
    const key = await begun(h, deployment)
    const { provider } = h()
    await Promise.all([provider.pause?.(refOf(key), call()), h().another().remove(refOf(key), call())])
    await removed(h, key)
    if (wakes(provider)) {
      const other = await begun(h, deployment)
      await asked(h, other, 'pause', 'paused')
      await Promise.all([provider.resume?.(refOf(other), call()), h().another().remove(refOf(other), call())])
      await removed(h, other)
    }
    await eventually(
      async () => await h().leftovers(deployment),
      (left) => left.length === 0,
      60_000,
    )
  }, 900_000)

  test('what is not there is not paused, and does not wake', async () => {
    const { provider } = h()
    if (!provider.capabilities.pause) {
      untried(h().another().capabilities.pause).toBe(false)
      return
    }
    const key = freshKey(deployment)
    expect(await provider.pause?.(refOf(key), call())).toEqual({ kind: 'absent' })
    if (wakes(provider)) expect(await provider.resume?.(refOf(key), call())).toEqual({ kind: 'absent' })
  }, 60_000)

  test('what is remade takes over what the paused one stored, and survives the removal of its remains', async () => {
    if (!remakes(h().provider)) {
      untried(remakes(h().another())).toBe(false)
      return
    }
    const key = await begun(h, deployment)
    await asked(h, key, 'pause', 'paused')
    const next: InstanceKey = { ...key, generation: 2, name: instanceName(key.sessionId, 2) }
    const spec = { ...h().specs.server(next), continues: refOf(key) }
    expect((await createPatiently(h().provider, spec)).kind).toMatch(/^(made|adopted)$/)
    expect((await createPatiently(h().provider, spec)).kind).toBe('adopted')
    await removed(h, key)
    await running(h, next)
    expect((await held(h, deployment)).map((o) => o.generation)).toEqual([2])
    await removed(h, next)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 600_000)
}

async function begun(h: Harness, deployment: string): Promise<InstanceKey> {
  const key = freshKey(deployment)
  await createPatiently(h().provider, h().specs.server(key))
  await running(h, key)
  return key
}

/** Asks for it, and looks until it is so. On the way it neither has ended nor is gone. */
async function asked(
  h: Harness,
  key: InstanceKey,
  what: 'pause' | 'resume',
  until: 'paused' | 'running',
): Promise<InstanceState> {
  const first = await h().provider[what]?.(refOf(key), call())
  expect(['pending', until]).toContain(first?.kind)
  if (first?.kind === until) return first
  const state = await eventually(
    async () => await h().provider.inspect(refOf(key), call()),
    isKind(until, 'exited', 'absent'),
    h().limits.startMs,
  )
  expect(state.kind).toBe(until)
  return state
}
