import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ComputeProvider, InstanceSpec } from '../../../ports/compute/provider.ts'
import { openFakeCloud } from '../../support/openstack/fake-cloud.ts'
import type { FakeCloud } from '../../support/openstack/fake-cloud.ts'
import { call, openCloud, specOf } from './specs.ts'

let cloud: FakeCloud
let provider: ComputeProvider
beforeEach(async () => {
  cloud = await openFakeCloud()
  provider = openCloud(cloud)
})
afterEach(async () => {
  vi.useRealTimers()
  await provider.close()
  await cloud.close()
})

/** How often the cloud was asked for whole servers, and for their names alone. */
const lists = () => {
  const to = (path: RegExp) => cloud.requests.filter((r) => r.service === 'compute' && path.test(r.path)).length
  return { whole: to(/\/servers\/detail\?/), brief: to(/\/servers\?/) }
}

const become = (status: string, task: string | null) =>
  Object.assign(cloud.things.servers[0] ?? {}, { status, 'OS-EXT-STS:task_state': task })

describe('an instance that is waited for', () => {
  let spec: InstanceSpec
  const state = async () => await provider.inspect(spec, call)
  beforeEach(async () => {
    spec = specOf()
    const maker = openCloud(cloud)
    await maker.create(spec, call)
    await maker.close()
    cloud.requests.length = 0
  })

  test.each([
    ['starts', 'BUILD', 'spawning', 'running'],
    ['comes to rest', 'ACTIVE', 'shelving', 'paused'],
    ['leaves its machine', 'SHELVED', 'shelving_offloading', 'paused'],
    ['wakes', 'SHELVED_OFFLOADED', 'unshelving', 'running'],
  ])(
    '%s: it is looked at whole as that begins and ends, and else only whether it goes on',
    async (_, from, task, kind) => {
      become(from, task)
      const before = await state()
      for (let n = 0; n < 2; n++) expect(await state()).toEqual(before)
      expect(lists()).toEqual({ whole: 1, brief: 2 })
      become(kind === 'paused' ? 'SHELVED_OFFLOADED' : 'ACTIVE', null)
      expect(await state()).toMatchObject({ kind })
      expect(lists()).toEqual({ whole: 2, brief: 3 })
      await state()
      expect(lists()).toEqual({ whole: 3, brief: 3 })
    },
  )

  test('and gives up on its way, its status the same: that is seen within seconds', async () => {
    become('ACTIVE', 'shelving')
    expect(await state()).toMatchObject({ kind: 'pending' })
    become('ACTIVE', null)
    expect(await state()).toMatchObject({ kind: 'pending' })
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(Date.now() + 10_001)
    expect(await state()).toMatchObject({ kind: 'running' })
  })

  test('and goes away on its way is gone', async () => {
    become('BUILD', 'spawning')
    await state()
    cloud.things.servers.length = 0
    cloud.things.ports.length = 0
    cloud.things.security_groups.length = 0
    expect(await state()).toEqual({ kind: 'absent' })
  })

  test('and is put to rest is looked at whole before, whatever was seen of it', async () => {
    become('BUILD', 'spawning')
    await state()
    become('ACTIVE', null)
    await provider.pause?.(spec, call)
    expect(cloud.requests.some(({ path }) => path.endsWith('/action'))).toBe(true)
  })
})

test('what was just told to start, to rest or to wake is looked at whole when it has', async () => {
  const spec = specOf()
  const state = async () => (await provider.inspect(spec, call)).kind
  await provider.create(spec, call)
  become('BUILD', 'spawning')
  cloud.requests.length = 0
  expect(await state()).toBe('pending')
  expect(lists()).toEqual({ whole: 0, brief: 1 })
  become('ACTIVE', null)
  expect(await state()).toBe('running')
  expect(await provider.pause?.(spec, call)).toEqual({ kind: 'pending', reason: 'it is being shelved' })
  expect(await state()).toBe('pending')
  expect(lists()).toEqual({ whole: 2, brief: 4 })
  become('SHELVED_OFFLOADED', null)
  expect(await state()).toBe('paused')
  expect(await provider.resume?.(spec, call)).toEqual({ kind: 'pending', reason: 'it is being unshelved' })
  expect(await state()).toBe('pending')
  expect(lists()).toEqual({ whole: 4, brief: 7 })
})

test('a machine that was given another name is adopted, and removed', async () => {
  const spec = specOf()
  await provider.create(spec, call)
  Object.assign(cloud.things.servers[0] ?? {}, { name: 'my desk' })
  cloud.things.security_groups.length = 0
  expect(await provider.create(spec, call)).toMatchObject({ kind: 'adopted' })
  expect(await provider.remove({ name: spec.name, deploymentId: spec.deploymentId }, call)).toEqual({ kind: 'removed' })
  expect(cloud.things.servers).toEqual([])
})

test('a create where nothing is asks for no whole server, and around it for its group alone', async () => {
  await provider.create(specOf(), call)
  expect(lists()).toEqual({ whole: 0, brief: 2 })
  const looks = cloud.requests.filter(({ method, path }) => method === 'GET' && /ports\?|floatingips\?/.test(path))
  expect(looks).toEqual([])
})
