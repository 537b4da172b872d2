import { expect, test } from 'vitest'
import { call, eventually, freshKey, isKind, listed, made, refOf, removed, running, timed } from './compute-harness.ts'
import type { Harness } from './compute-harness.ts'

/** One instance's life, undisturbed. */
export function lifecycleCases(h: Harness, deployment: string): void {
  test('create, inspect in every phase, answer on its port, remove: nothing is left', async () => {
    const key = freshKey(deployment)
    expect(await h().provider.inspect(refOf(key), call())).toEqual({ kind: 'absent' })
    expect(await h().provider.create(h().specs.server(key), call())).toMatchObject({ kind: 'made', ref: refOf(key) })
    expect((await h().provider.inspect(refOf(key), call())).kind).toMatch(/^(pending|running)$/)
    const { endpoints } = await running(h, key)
    expect(endpoints.map((e) => e.port)).toEqual([8080])
    const status = () => statusOf(endpoints[0]?.host, endpoints[0]?.hostPort)
    expect(await eventually(status, (s) => s === 200, h().limits.startMs)).toBe(200)
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
    expect(await eventually(status, (s) => s === null, 10_000)).toBeNull()
  }, 60_000)

  test('create twice: the second adopts, and there is one', async () => {
    const key = freshKey(deployment)
    expect((await h().provider.create(h().specs.server(key), call())).kind).toBe('made')
    expect((await h().another().create(h().specs.server(key), call())).kind).toBe('adopted')
    expect(await listed(h().provider, deployment)).toHaveLength(1)
    await running(h, key)
    await removed(h, key)
  }, 60_000)

  test('an exit during the start is seen with its code, and is not run again by another create', async () => {
    const key = freshKey(deployment)
    expect(made(await h().provider.create(h().specs.exiting(key, 3), call()))).toBe(true)
    const inspect = () => h().provider.inspect(refOf(key), call())
    const state = await eventually(inspect, isKind('exited'), h().limits.startMs)
    expect(state).toEqual({ kind: 'exited', exitCode: 3, outOfMemory: false })
    expect((await h().provider.create(h().specs.exiting(key, 3), call())).kind).toBe('adopted')
    expect((await inspect()).kind).toBe('exited')
    await removed(h, key)
    expect(await h().leftovers(deployment)).toEqual([])
  }, 60_000)

  test('too much memory is told from any other exit, where the backend can', async () => {
    const spec = h().specs.outOfMemory
    if (spec === undefined) return expect(h().specs).not.toHaveProperty('outOfMemory')
    const key = freshKey(deployment)
    expect(made(await h().provider.create(spec(key), call()))).toBe(true)
    const inspect = () => h().provider.inspect(refOf(key), call())
    expect(await eventually(inspect, isKind('exited'), h().limits.startMs)).toMatchObject({ outOfMemory: true })
    await removed(h, key)
  }, 60_000)

  test('a missing image is refused within seconds, and leaves nothing', async () => {
    const key = freshKey(deployment)
    const { ms, result } = await timed(() => h().provider.create(h().specs.missingImage(key), call()))
    expect(result).toMatchObject({ kind: 'refused', code: 'image_missing' })
    expect(ms).toBeLessThan(h().limits.imageMissingMs)
    expect(await h().provider.inspect(refOf(key), call())).toEqual({ kind: 'absent' })
    expect(await h().leftovers(deployment)).toEqual([])
  }, 60_000)

  test('remove twice, and remove what never was', async () => {
    const key = freshKey(deployment)
    await h().provider.create(h().specs.server(key), call())
    await removed(h, key)
    expect(await h().provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
    expect(await h().provider.remove(refOf(freshKey(deployment)), call())).toEqual({ kind: 'removed' })
  }, 60_000)

  test('the secret is in no list and no state', async () => {
    const key = freshKey(deployment)
    const spec = { ...h().specs.server(key), secret: 'canary-4d1f0c' }
    await h().provider.create(spec, call())
    await running(h, key)
    const shown = JSON.stringify([await listed(h().provider, deployment), await h().leftovers(deployment)])
    expect(shown).toContain(key.name)
    expect(shown).not.toContain(spec.secret)
    await removed(h, key)
  }, 60_000)

  test('what it printed can be read, where the driver keeps it', async () => {
    const { provider } = h()
    expect('logs' in provider).toBe(provider.capabilities.logs)
    if (!provider.capabilities.logs) return
    const key = freshKey(deployment)
    await provider.create(h().specs.server(key), call())
    await running(h, key)
    const text = () => provider.logs?.(refOf(key), 50, call()) ?? Promise.resolve('')
    expect(await eventually(text, (t) => t.length > 0, h().limits.startMs)).toContain('listening')
    await removed(h, key)
  }, 60_000)
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
