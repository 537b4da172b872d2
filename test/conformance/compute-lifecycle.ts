import { expect, test } from 'vitest'
import type { Facets } from './compute-facets.ts'
import {
  call,
  eventually,
  freshKey,
  gone,
  held,
  isKind,
  listed,
  made,
  refOf,
  removed,
  running,
  told,
} from './compute-harness.ts'
import type { Harness } from './compute-harness.ts'
import { untried } from './untried.ts'

/** One instance's life, undisturbed. */
export function lifecycleCases(h: Harness, deployment: string, can: Facets): void {
  test('create, inspect in every phase, answer on its port, remove: nothing is left', async () => {
    const key = freshKey(deployment)
    const spec = h().specs.server(key)
    expect(await h().provider.inspect(refOf(key), call())).toEqual({ kind: 'absent' })
    expect(await h().provider.create(spec, call())).toMatchObject({ kind: 'made', ref: refOf(key) })
    expect((await h().provider.inspect(refOf(key), call())).kind).toMatch(/^(pending|running)$/)
    const state = await running(h, key)
    // Of what reports its ports the backend knows the machine alone.
    if (spec.report === null) expect(state.endpoints.map((e) => e.port)).toEqual([8080])
    else expect(state.host).toMatch(/./)
    const status = () => h().statusOf?.(state, key) ?? statusOf(state.endpoints[0]?.host, state.endpoints[0]?.hostPort)
    if (can.answers !== false) expect(await eventually(status, (s) => s === 200, h().limits.startMs)).toBe(200)
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
    if (can.answers !== false) expect(await eventually(status, (s) => s === null, 10_000)).toBeNull()
  }, 120_000)

  test('create twice: the second adopts, and there is one', async () => {
    const key = freshKey(deployment)
    expect((await h().provider.create(h().specs.server(key), call())).kind).toBe('made')
    expect((await h().another().create(h().specs.server(key), call())).kind).toBe('adopted')
    expect(await held(h, deployment)).toHaveLength(1)
    await running(h, key)
    expect((await h().another().create(h().specs.server(key), call())).kind).toBe('adopted')
    await removed(h, key)
  }, 120_000)

  test('an exit during the start is seen with its code, and is not run again by another create', async () => {
    const key = freshKey(deployment)
    expect(made(await h().provider.create(h().specs.exiting(key, 3), call()))).toBe(true)
    const inspect = () => h().provider.inspect(refOf(key), call())
    const state = await eventually(inspect, isKind('exited'), h().limits.startMs)
    expect(state).toMatchObject({ kind: 'exited', ...(h().specs.exited ?? { exitCode: 3, outOfMemory: false }) })
    expect((await h().provider.create(h().specs.exiting(key, 3), call())).kind).toBe('adopted')
    expect((await inspect()).kind).toBe('exited')
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 120_000)

  test('too much memory is told from any other exit, where the backend can', async () => {
    const spec = h().specs.outOfMemory
    if (spec === undefined) return untried(h().specs).not.toHaveProperty('outOfMemory')
    const key = freshKey(deployment)
    expect(made(await h().provider.create(spec(key), call()))).toBe(true)
    const inspect = () => h().provider.inspect(refOf(key), call())
    expect(await eventually(inspect, isKind('exited'), h().limits.startMs)).toMatchObject({ outOfMemory: true })
    await removed(h, key)
  }, 120_000)

  test('a missing image is told within seconds, and leaves nothing', async () => {
    const spec = h().specs.missingImage(freshKey(deployment))
    expect(await told(h, spec, h().limits.imageMissingMs)).toBe('image_missing')
  }, 120_000)

  if (can.refusals === undefined)
    test('WITHOUT REFUSALS: nothing that can be asked of this backend is more than it has', () =>
      expect(h().specs.refused).toBeUndefined())
  for (const code of can.refusals ?? [])
    test(`what can never run is told within seconds as ${code}, and leaves nothing`, async () => {
      const spec = h().specs.refused?.[code]?.(freshKey(deployment))
      if (spec === undefined) throw new Error(`the harness promised a spec for ${code}`)
      expect(await told(h, spec, h().limits.refusedMs ?? 10_000)).toBe(code)
    }, 120_000)

  if (can.pending === true)
    test('what cannot begin yet waits, for a reason that is said, and can be removed', async () => {
      const key = freshKey(deployment)
      const spec = h().specs.pending?.(key)
      if (spec === undefined) throw new Error('the harness promised what waits')
      expect(made(await h().provider.create(spec, call()))).toBe(true)
      for (const look of [h().provider, h().another()])
        expect(await look.inspect(refOf(key), call())).toMatchObject({
          kind: 'pending',
          reason: expect.stringMatching(/./),
        })
      expect((await h().another().create(spec, call())).kind).toBe('adopted')
      expect(await held(h, deployment)).toMatchObject([{ state: { kind: 'pending' } }])
      await removed(h, key)
      expect(await h().leftovers(deployment)).toEqual([])
    }, 120_000)
  else
    test('WITHOUT PENDING: whatever this backend takes begins at once', () => expect(h().specs.pending).toBeUndefined())

  test('remove twice, and remove what never was', async () => {
    const key = freshKey(deployment)
    await h().provider.create(h().specs.server(key), call())
    await removed(h, key)
    expect(await h().provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
    await gone(h, key)
    expect(await h().provider.remove(refOf(freshKey(deployment)), call())).toEqual({ kind: 'removed' })
  }, 120_000)

  test('the secret is in no list and no state', async () => {
    const key = freshKey(deployment)
    const spec = { ...h().specs.server(key), secret: 'canary-4d1f0c' }
    await h().provider.create(spec, call())
    await running(h, key)
    const shown = JSON.stringify([await listed(h().provider, deployment), await h().leftovers(deployment)])
    expect(shown).toContain(key.name)
    expect(shown).not.toContain(spec.secret)
    await removed(h, key)
  }, 120_000)

  test('what it printed can be read, where the driver keeps it', async () => {
    const { provider } = h()
    if (!provider.capabilities.logs) return untried(provider).not.toHaveProperty('logs')
    expect(provider.logs).toBeDefined()
    const key = freshKey(deployment)
    await provider.create(h().specs.server(key), call())
    await running(h, key)
    const text = () => provider.logs?.(refOf(key), 50, call()) ?? Promise.resolve('')
    expect(await eventually(text, (t) => t.length > 0, h().limits.startMs)).toContain(h().printed ?? 'listening')
    await removed(h, key)
  }, 120_000)

  test('what it used is said by the backend’s own numbers, where it counts them', async () => {
    const { provider } = h()
    if (provider.capabilities.usage !== true) return untried(provider).not.toHaveProperty('usage')
    expect(provider.usage).toBeDefined()
    const key = freshKey(deployment)
    await provider.create(h().specs.server(key), call())
    await running(h, key)
    const usage = async () => (await provider.usage?.(refOf(key), call())) ?? null
    expect(await eventually(usage, (u) => u !== null && u.wallSeconds > 0, 60_000)).toEqual({
      wallSeconds: expect.any(Number),
      cpuSeconds: expect.any(Number),
      gpuSeconds: expect.any(Number),
    })
    await removed(h, key)
  }, 120_000)
}

async function statusOf(host: string | undefined, port: number | undefined): Promise<number | null> {
  try {
    const response = await fetch(`http://${host}:${port}/`, { signal: AbortSignal.timeout(2000) })
    await response.body?.cancel()
    return response.status
  } catch {
    return null
  }
}
