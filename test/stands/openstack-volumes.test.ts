import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ComputeProvider, InstanceRef, InstanceSpec } from '../../ports/compute/provider.ts'
import { pooled } from '../bench/rounds.ts'
import {
  call,
  createPatiently,
  eventually,
  freshDeployment,
  freshKey,
  listed,
  refOf,
  timed,
} from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { untried } from '../conformance/untried.ts'
import { openstackLeftovers } from '../support/leftovers/openstack.ts'
import type { RawCloud } from '../support/openstack/raw-cloud.ts'
import { comesTo, openFor, removed, specFor } from './openstack-harness.ts'
import type { InstanceKind } from './openstack-harness.ts'
import { openRaw, standConfig } from './openstack-stand.ts'

describe('on OpenStack with Cinder', () => {
  const config = standConfig()
  const deployment = freshDeployment()
  let raw: RawCloud
  let provider: ComputeProvider
  beforeAll(async () => {
    raw = await openRaw(config)
    provider = openFor(config, { floatingNetwork: config.floatingNetwork })
  }, 120_000)
  afterAll(async () => {
    for (const { ref } of await listed(provider, deployment)) await gone(ref)
    expect(await left()).toEqual([])
    await provider.close()
    await raw.close()
  }, 300_000)

  const onVolume = (key: InstanceKey): InstanceSpec => {
    const spec = specFor(config, key)
    return { ...spec, terms: { openstack: { flavors: { small: config.flavor }, boot: 'volume' } } }
  }
  const gone = async (ref: InstanceRef) => await removed(provider, ref)
  const state = async (key: InstanceKey, ...kinds: InstanceKind[]) => await comesTo(provider, key, ...kinds)
  const volumes = async () => {
    const { body } = await raw.call('volume', 'GET', '/volumes/detail')
    const all = (body as { volumes: { id: string; status: string; size: number; metadata: Record<string, string> }[] })
      .volumes
    return all.filter(({ metadata }) => metadata['carrel.deployment'] === deployment)
  }
  const left = () => openstackLeftovers(raw, deployment)

  test('a machine has a volume of its own, which rests and wakes with it, and goes with it', async () => {
    if (!raw.has('volume')) return untried(raw.has('volume')).toBe(false)
    const key = freshKey(deployment)
    const created = await createPatiently(provider, onVolume(key))
    expect(created.kind).toBe('made')
    await state(key, 'running', 'exited')
    expect(await volumes()).toMatchObject([{ status: 'in-use', size: 1, metadata: { 'carrel.name': key.name } }])
    expect((await createPatiently(provider, onVolume(key))).kind).toBe('adopted')
    await provider.pause?.(refOf(key), call())
    await state(key, 'paused')
    await provider.resume?.(refOf(key), call())
    await state(key, 'running')
    expect(await volumes()).toHaveLength(1)
    const ref = 'ref' in created ? created.ref : refOf(key)
    expect(await gone(ref)).toEqual({ kind: 'removed' })
    expect(await left()).toEqual([])
  }, 600_000)

  test('a check tells that Cinder has room, and which type of volume it does not have', async () => {
    if (!raw.has('volume')) return untried(raw.has('volume')).toBe(false)
    const sizes = [{ name: 'small', cpuMilli: 1_000, memoryMib: 512, diskMib: 1_024, gpus: 0 }]
    const terms = { openstack: { flavors: { small: config.flavor }, boot: 'volume' as const } }
    const ask = {
      deploymentId: deployment,
      templates: [{ image: config.image, sizes, egress: 'none' as const, terms }],
    }
    expect(await provider.check?.(ask, call())).toEqual([])
    const other = openFor(config, { volumeType: 'tape' })
    const finding = { code: 'named_missing', level: 'missing', about: 'volume type tape' }
    expect(await other.check?.(ask, call())).toEqual([finding])
    await other.close()
  }, 300_000)

  test('a create that is given up at ten points in time, spread over one: a removal leaves no volume', async () => {
    if (!raw.has('volume')) return untried(raw.has('volume')).toBe(false)
    const points = 10
    const undisturbed = freshKey(deployment)
    const { ms } = await timed(async () => await createPatiently(provider, onVolume(undisturbed)))
    await gone(refOf(undisturbed))
    await pooled(points, 3, async (point) => {
      const key = freshKey(deployment)
      const stop = new AbortController()
      const creating = provider.create(onVolume(key), { signal: stop.signal })
      await delay((ms * point) / (points - 1))
      stop.abort()
      await Promise.all([creating, provider.remove(refOf(key), call())])
      await gone(refOf(key))
    })
    // What was on its way when it was given up may land after its removal, as long as the driver says.
    await delay(provider.settleMs)
    for (const { ref } of await listed(provider, deployment)) await gone(ref)
    expect(await eventually(left, (all) => all.length === 0, 60_000)).toEqual([])
  }, 900_000)
})
