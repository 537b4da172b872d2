import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { ComputeProvider } from '../../ports/compute/provider.ts'
import { userDataOf } from '../../ports/compute/openstack/user-data.ts'
import { pooled } from '../bench/rounds.ts'
import { call, createPatiently, listed, refOf, timed } from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { computeConformance } from '../conformance/compute.ts'
import type { RawCloud } from '../support/openstack/raw-cloud.ts'
import { standCases } from './cases.ts'
import { openBackend } from './openstack-backend.ts'
import { openFor, openstackCan, openstackHarness, specFor } from './openstack-harness.ts'
import { openstackScene } from './openstack-scene.ts'
import { openRaw } from './openstack-stand.ts'

computeConformance('openstack', openstackCan, openstackHarness)

describe('on OpenStack', () => {
  const { config, deployment, raw, provider, freshKey, left, gone, state, givenUp } = openstackScene()
  /** A driver whose servers carry metadata by which the hypervisor is told what to do. */
  const told = async (metadata: Readonly<Record<string, string>>, deed: (by: ComputeProvider) => Promise<void>) => {
    const by = openFor(config, { metadata })
    try {
      await deed(by)
    } finally {
      await by.close()
    }
  }

  test('what rests is shelved and wakes at its address, however often it is told', async () => {
    const key = freshKey()
    await createPatiently(provider(), specFor(config, key))
    const before = await state(key, 'running', 'exited')
    for (let time = 0; time < 2; time++)
      expect((await provider().pause?.(refOf(key), call()))?.kind).toMatch(/^(pending|paused)$/)
    await state(key, 'paused')
    expect(await provider().pause?.(refOf(key), call())).toEqual({ kind: 'paused' })
    expect((await listed(provider(), deployment)).map((one) => one.state)).toEqual([{ kind: 'paused' }])
    expect((await provider().create(specFor(config, key), call())).kind).toBe('adopted')
    for (let time = 0; time < 2; time++)
      expect((await provider().resume?.(refOf(key), call()))?.kind).toMatch(/^(pending|running)$/)
    expect(await state(key, 'running')).toEqual(before)
    await gone(refOf(key))
    expect(await left()).toEqual([])
  }, 300_000)

  test('a floating address is its own, is where it is reached, and goes with it', async () => {
    const by = openFor(config, { floatingNetwork: config.floatingNetwork })
    const key = freshKey()
    try {
      await createPatiently(by, specFor(config, key))
      const running = await state(key, 'running', 'exited')
      expect(running).toMatchObject({ kind: 'running', endpoints: [{ port: 8080, hostPort: 8080 }] })
      const all = (await raw().call('network', 'GET', `/floatingips?project_id=${raw().projectId}`)).body as {
        floatingips: { floating_ip_address: string; description: string }[]
      }
      const own = all.floatingips.filter(({ description }) => description === `carrel ${deployment} ${key.name}`)
      const host = running.kind === 'running' ? running.endpoints[0]?.host : undefined
      expect(own.map((address) => address.floating_ip_address)).toEqual([host])
      await gone(refOf(key), by)
    } finally {
      await by.close()
    }
    expect(await left()).toEqual([])
  }, 300_000)

  test('what a machine reads when it begins is kept as it was written, and shown to nobody of the project', async () => {
    if (config.adminCloud === null) return expect(config).toHaveProperty('adminCloud', null)
    const admin = await openRaw(config, config.adminCloud)
    const key = freshKey()
    const spec = { ...specFor(config, key), command: ['/opt/desk', '--begin'] }
    try {
      const created = await createPatiently(provider(), spec)
      const id = created.kind === 'made' || created.kind === 'adopted' ? created.ref.ids?.['server'] : undefined
      const seenBy = async (cloud: RawCloud) => {
        const { body } = await cloud.call('compute', 'GET', `/servers/${id}`)
        return (body as { server: Record<string, unknown> }).server
      }
      const asAdmin = await seenBy(admin)
      expect(asAdmin['OS-EXT-SRV-ATTR:user_data']).toBe(userDataOf(spec))
      expect(asAdmin['config_drive']).toBe('True')
      const shown = JSON.stringify(await seenBy(raw()))
      expect(shown).toContain(key.name)
      expect(shown).not.toContain(userDataOf(spec) ?? spec.secret)
      await gone(refOf(key))
    } finally {
      await admin.close()
    }
    expect(await left()).toEqual([])
  }, 300_000)

  test('a start that fails on the machine says so in the cloud’s own words', async () => {
    await told({ ostest_spawn_fail: 'abort' }, async (by) => {
      const key = freshKey()
      await createPatiently(by, specFor(config, key))
      expect(await state(key, 'exited', 'running')).toMatchObject({
        kind: 'exited',
        reason: 'start_failed',
        detail: expect.stringContaining('ostest_spawn_fail=abort'),
      })
      await gone(refOf(key))
    })
    expect(await left()).toEqual([])
  }, 300_000)

  test('what is slow to start waits for a reason that is said, and can be removed before it runs', async () => {
    await told({ ostest_spawn_delay: '4' }, async (by) => {
      const key = freshKey()
      await createPatiently(by, specFor(config, key))
      expect(await provider().inspect(refOf(key), call())).toMatchObject({
        kind: 'pending',
        reason: expect.stringMatching(/./),
      })
      await gone(refOf(key))
    })
    expect(await left()).toEqual([])
  }, 300_000)

  test('a removal that fails at first is done again until nothing is left', async () => {
    await told({ ostest_destroy_fail: '1' }, async (by) => {
      const key = freshKey()
      await createPatiently(by, specFor(config, key))
      await state(key, 'running')
      await gone(refOf(key))
    })
    expect(await left()).toEqual([])
  }, 300_000)

  test('a quota of the cloud refuses a session as such, and leaves nothing of it', async () => {
    if (config.tiny === null) return expect(config).toHaveProperty('tiny', null)
    const small = { ...config, ...config.tiny }
    const [by, beside] = [openFor(small), await openRaw(small)]
    const [first, second] = [freshKey(), freshKey()]
    try {
      expect((await createPatiently(by, specFor(small, first))).kind).toBe('made')
      expect(await createPatiently(by, specFor(small, second))).toMatchObject({
        kind: 'refused',
        code: 'backend_quota',
        detail: expect.stringContaining('Quota exceeded for instances'),
      })
      expect((await left(beside)).filter((object) => object.includes(second.name))).toEqual([])
      await gone(refOf(first), by)
      expect(await left(beside)).toEqual([])
    } finally {
      await Promise.all([by.close(), beside.close()])
    }
  }, 300_000)

  test('a port and a security group that stand alone are listed as waiting, and removed', async () => {
    const keys = [freshKey(), freshKey()] as const
    const mark = (key: InstanceKey) => ({ name: key.name, description: `carrel ${deployment}` })
    const networks = (await raw().call('network', 'GET', `/networks?name=${config.network}`)).body as {
      networks: { id: string }[]
    }
    await raw().call('network', 'POST', '/security-groups', { security_group: mark(keys[0]) })
    await raw().call('network', 'POST', '/ports', { port: { ...mark(keys[1]), network_id: networks.networks[0]?.id } })
    const seen = await listed(provider(), deployment)
    expect(seen.map(({ ref, state: { kind } }) => `${ref.name} ${kind}`).sort()).toEqual(
      keys.map(({ name }) => `${name} pending`).sort(),
    )
    for (const { ref } of seen) await gone(ref)
    expect(await left()).toEqual([])
  }, 300_000)

  test('a removal at points in time spread over the way to rest leaves nothing, nor an image of the disk', async () => {
    // pause:  ─ image is to be ─ it is uploaded ─ shelved ─ off the machine
    //   ↑   ↑   ↑   ↑   ↑   ↑   ↑   ↑   ↑   ↑   ↑ removed
    const running = async () => {
      const key = freshKey()
      const created = await createPatiently(provider(), specFor(config, key))
      await state(key, 'running', 'exited')
      return { key, ref: 'ref' in created ? created.ref : refOf(key) }
    }
    const undisturbed = await running()
    const { ms } = await timed(async () => {
      await provider().pause?.(undisturbed.ref, call())
      await state(undisturbed.key, 'paused')
    })
    await gone(undisturbed.ref)
    const points = 10
    await pooled(points, 3, async (point) => {
      const { ref } = await running()
      const pausing = provider().pause?.(ref, call())
      await delay((ms * point) / (points - 1))
      await Promise.all([pausing, gone(ref)])
    })
    expect(await left()).toEqual([])
  }, 900_000)

  test('a create that is given up at 20 points in time, spread over one: a removal leaves nothing', async () => {
    const by = openFor(config, { floatingNetwork: config.floatingNetwork })
    await givenUp(20, (key) => specFor(config, key), by)
    await by.close()
  }, 1_200_000)
})

standCases('openstack', openBackend)
