import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect } from 'vitest'
import type { ComputeProvider, InstanceRef, InstanceSpec } from '../../ports/compute/provider.ts'
import { pooled } from '../bench/rounds.ts'
import {
  call,
  createPatiently,
  eventually,
  freshDeployment,
  freshKey,
  isKind,
  listed,
  refOf,
  timed,
} from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { openstackLeftovers } from '../support/leftovers/openstack.ts'
import type { RawCloud } from '../support/openstack/raw-cloud.ts'
import { openFor } from './openstack-harness.ts'
import { openRaw, standConfig } from './openstack-stand.ts'

type InstanceKind = Parameters<typeof isKind>[number]

/** A cloud and a driver on it, for the tests of one suite: opened before them, and nothing of theirs is there after them. */
export function openstackScene(
  settings: (config: ReturnType<typeof standConfig>) => Record<string, unknown> = () => ({}),
) {
  const config = standConfig()
  const deployment = freshDeployment()
  const names: string[] = []
  let raw: RawCloud
  let provider: ComputeProvider
  beforeAll(async () => {
    raw = await openRaw(config)
    provider = openFor(config, settings(config))
  }, 120_000)
  afterAll(async () => {
    await clear(provider)
    expect(await left()).toEqual([])
    await provider.close()
    await raw.close()
  }, 300_000)

  const left = (cloud = raw) => openstackLeftovers(cloud, deployment, names)
  /** Removes an instance, however often it has to be asked. */
  const gone = async (ref: InstanceRef, by = provider) =>
    await eventually(
      () => by.remove(ref, call()),
      ({ kind }) => kind === 'removed',
      180_000,
    )
  const clear = async (by: ComputeProvider) => {
    for (const { ref } of await listed(by, deployment)) await gone(ref, by)
  }
  const key = (): InstanceKey => {
    const fresh = freshKey(deployment)
    names.push(fresh.name)
    return fresh
  }

  return {
    config,
    deployment,
    raw: () => raw,
    provider: () => provider,
    freshKey: key,
    left,
    gone,
    /** Waits until an instance is in one of the states. */
    state: async (of: InstanceKey, ...kinds: InstanceKind[]) =>
      await eventually(() => provider.inspect(refOf(of), call()), isKind(...kinds), 180_000),

    /** Creates that are given up at so many points in time, spread over one, and removed at once: nothing is left. */
    async givenUp(points: number, specOf: (key: InstanceKey) => InstanceSpec, by = provider): Promise<void> {
      // create: ─ group ─ rules, port, volume ─ server ─ looked for again
      //   ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑ given up, and removed at once
      const undisturbed = key()
      const { ms } = await timed(async () => await createPatiently(by, specOf(undisturbed)))
      await gone(refOf(undisturbed), by)
      await pooled(points, 3, async (point) => {
        const one = key()
        const stop = new AbortController()
        const creating = by.create(specOf(one), { signal: stop.signal })
        await delay((ms * point) / (points - 1))
        stop.abort()
        await Promise.all([creating, by.remove(refOf(one), call())])
        await gone(refOf(one), by)
      })
      // What was on its way when it was given up may land after its removal, as long as the driver says.
      await delay(by.settleMs)
      await clear(by)
      expect(await eventually(left, (all) => all.length === 0, 60_000)).toEqual([])
    },
  }
}
