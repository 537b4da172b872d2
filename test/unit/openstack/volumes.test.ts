import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFakeCloud } from '../../support/openstack/fake-cloud.ts'
import type { FakeCloud, Seen } from '../../support/openstack/fake-cloud.ts'
import { call, openCloud, specOf } from './specs.ts'

let cloud: FakeCloud
beforeEach(async () => {
  cloud = await openFakeCloud()
})
afterEach(async () => {
  await cloud.close()
})

const left = () => Object.entries(cloud.things).flatMap(([kind, all]) => (kind === 'images' ? [] : all.map(() => kind)))
const toldAll = () => cloud.requests.map(({ method, path }) => `${method} ${path.split(/[/?]/)[2]}`)
const onVolume = () => specOf({ terms: { openstack: { flavors: { small: 'm1.small' }, boot: 'volume' as const } } })
const isOfVolumes = (method: string) => (seen: Seen) => seen.service === 'block-storage' && seen.method === method
const [isList, isMake, isDelete] = [isOfVolumes('GET'), isOfVolumes('POST'), isOfVolumes('DELETE')]
/** Does what is asked for, beside the cloud's own way of doing so. */
function put({ body }: Seen, status: string) {
  const volume = { ...(body as { volume: object }).volume, id: crypto.randomUUID(), status }
  cloud.things.volumes.push(volume)
  return volume
}

test('a volume that goes slowly is told once and looked at ever less often, and the group stays until it is gone', async () => {
  const provider = openCloud(cloud, { lookAgainMs: 50 })
  const spec = onVolume()
  await provider.create(spec, call)
  cloud.requests.length = 0
  let goneAt = Infinity
  cloud.instead = (seen) => {
    const [volume] = cloud.things.volumes
    if (volume !== undefined && isDelete(seen)) {
      volume['status'] = 'deleting'
      goneAt = Date.now() + 1_000
      return { status: 202 }
    }
    if (Date.now() > goneAt && isList(seen)) cloud.things.volumes.length = 0
    return undefined
  }
  expect(await provider.remove(spec, call)).toEqual({ kind: 'removed' })
  expect(left()).toEqual([])
  const told = toldAll()
  expect(told.filter((t) => t === 'DELETE volumes')).toHaveLength(1)
  const between = told.slice(told.indexOf('DELETE volumes'), told.indexOf('DELETE security-groups'))
  const looks = between.filter((t) => t === 'GET volumes').length
  expect(looks).toBeGreaterThan(0)
  // 50 ms, 100 ms, 150 ms, …: a second is over after a handful, and after fewer on a busy machine.
  expect(looks).toBeLessThan(15)
  await provider.close()
})

test('a volume that is still in use is told again until it goes', async () => {
  const provider = openCloud(cloud)
  const spec = onVolume()
  await provider.create(spec, call)
  let refusals = 0
  const message = 'Invalid volume: Volume status must be available or error'
  cloud.instead = (seen) =>
    isDelete(seen) && refusals++ < 3 ? { status: 400, body: { badRequest: { code: 400, message } } } : undefined
  expect(await provider.remove(spec, call)).toEqual({ kind: 'removed' })
  expect(refusals).toBe(4)
  expect(left()).toEqual([])
  await provider.close()
})

test('a volume that is never let go is told to operators, and its group stays', async () => {
  const provider = openCloud(cloud, { removeTimeoutMs: 3_000 })
  const spec = onVolume()
  await provider.create(spec, call)
  for (const kind of ['servers', 'ports'] as const) cloud.things[kind].length = 0
  cloud.instead = (seen) => (isDelete(seen) ? { status: 400 } : undefined)
  const why = 'the time was over: its volume is still there'
  expect(await provider.remove(spec, call)).toEqual({ kind: 'unknown', why })
  expect(left().sort()).toEqual(['security_groups', 'volumes'])
  await provider.close()
})

test('a volume that one look does not show is not believed gone', async () => {
  const provider = openCloud(cloud)
  const spec = onVolume()
  await provider.create(spec, call)
  for (const kind of ['servers', 'ports', 'security_groups'] as const) cloud.things[kind].length = 0
  let looks = 0
  cloud.instead = (seen) => (isList(seen) && looks++ === 0 ? { status: 200, body: { volumes: [] } } : undefined)
  expect(await provider.remove(spec, call)).toEqual({ kind: 'removed' })
  expect(left()).toEqual([])
  // Once in vain, once seen, and two that do not show it.
  expect(looks).toBe(4)
  await provider.close()
})

test('a Cinder that does not answer leaves nothing believed', async () => {
  const provider = openCloud(cloud)
  const spec = onVolume()
  await provider.create(spec, call)
  cloud.instead = ({ service }) => (service === 'block-storage' ? { status: 503 } : undefined)
  expect(await provider.remove(spec, call)).toEqual({ kind: 'unknown', why: 'cinder: 503' })
  expect(left().sort()).toEqual(['ports', 'security_groups', 'volumes'])
  cloud.instead = () => undefined
  expect(await provider.remove(spec, call)).toEqual({ kind: 'removed' })
  expect(left()).toEqual([])
  await provider.close()
})

test('a volume whose making was answered by nothing is found again, and there is no second one', async () => {
  const provider = openCloud(cloud)
  const spec = onVolume()
  cloud.instead = (seen) => {
    if (!isMake(seen)) return undefined
    put(seen, 'available')
    return { status: 502 }
  }
  expect(await provider.create(spec, call)).toMatchObject({ kind: 'unavailable', detail: 'cinder: 502' })
  cloud.instead = () => undefined
  expect((await provider.create(spec, call)).kind).toBe('made')
  expect(cloud.things.volumes).toHaveLength(1)
  expect(cloud.things.servers).toMatchObject([
    { block_device_mapping_v2: [{ uuid: cloud.things.volumes[0]?.id, delete_on_termination: false }] },
  ])
  await provider.close()
})

test('a volume that cannot be made refuses the session, and goes with all else', async () => {
  const provider = openCloud(cloud)
  cloud.instead = (seen) => (isMake(seen) ? { status: 202, body: { volume: put(seen, 'error') } } : undefined)
  expect(await provider.create(onVolume(), call)).toEqual({
    kind: 'refused',
    code: 'start_failed',
    detail: 'cinder: the volume is error',
  })
  expect(left()).toEqual([])
  await provider.close()
})
