import { describe, expect, test } from 'vitest'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { call, createPatiently, refOf } from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { untried } from '../conformance/untried.ts'
import { openFor, specFor } from './openstack-harness.ts'
import { openstackScene } from './openstack-scene.ts'

describe('on OpenStack with Cinder', () => {
  const { config, deployment, raw, provider, freshKey, left, gone, state, givenUp } = openstackScene(
    ({ floatingNetwork }) => ({ floatingNetwork }),
  )
  const onVolume = (key: InstanceKey): InstanceSpec => {
    const spec = specFor(config, key)
    return { ...spec, terms: { openstack: { flavors: { small: config.flavor }, boot: 'volume' } } }
  }
  const volumes = async () => {
    const { body } = await raw().call('volume', 'GET', '/volumes/detail')
    const all = (body as { volumes: { id: string; status: string; size: number; metadata: Record<string, string> }[] })
      .volumes
    return all.filter(({ metadata }) => metadata['carrel.deployment'] === deployment)
  }

  test('a machine has a volume of its own, which rests and wakes with it, and goes with it', async () => {
    if (!raw().has('volume')) return untried(raw().has('volume')).toBe(false)
    const key = freshKey()
    const created = await createPatiently(provider(), onVolume(key))
    expect(created.kind).toBe('made')
    await state(key, 'running', 'exited')
    expect(await volumes()).toMatchObject([{ status: 'in-use', size: 1, metadata: { 'carrel.name': key.name } }])
    expect((await createPatiently(provider(), onVolume(key))).kind).toBe('adopted')
    await provider().pause?.(refOf(key), call())
    await state(key, 'paused')
    await provider().resume?.(refOf(key), call())
    await state(key, 'running')
    expect(await volumes()).toHaveLength(1)
    const ref = 'ref' in created ? created.ref : refOf(key)
    expect(await gone(ref)).toEqual({ kind: 'removed' })
    expect(await left()).toEqual([])
  }, 600_000)

  test('a check tells that Cinder has room, and which type of volume it does not have', async () => {
    if (!raw().has('volume')) return untried(raw().has('volume')).toBe(false)
    const sizes = [{ name: 'small', cpuMilli: 1_000, memoryMib: 512, diskMib: 1_024, gpus: 0 }]
    const terms = { openstack: { flavors: { small: config.flavor }, boot: 'volume' as const } }
    const ask = {
      deploymentId: deployment,
      templates: [{ image: config.image, sizes, egress: 'none' as const, terms }],
    }
    expect(await provider().check?.(ask, call())).toEqual([])
    const other = openFor(config, { volumeType: 'tape' })
    const finding = { code: 'named_missing', level: 'missing', about: 'volume type tape' }
    expect(await other.check?.(ask, call())).toEqual([finding])
    await other.close()
  }, 300_000)

  test('a create that is given up at ten points in time, spread over one: a removal leaves no volume', async () => {
    if (!raw().has('volume')) return untried(raw().has('volume')).toBe(false)
    await givenUp(10, onVolume)
  }, 900_000)
})
