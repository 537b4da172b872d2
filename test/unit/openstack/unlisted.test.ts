import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFakeCloud } from '../../support/openstack/fake-cloud.ts'
import type { FakeCloud } from '../../support/openstack/fake-cloud.ts'
import { call, openCloud, specOf } from './specs.ts'

let cloud: FakeCloud
beforeEach(async () => {
  cloud = await openFakeCloud()
})
afterEach(async () => {
  await cloud.close()
})

const asked = (method: string, path: RegExp) => cloud.requests.filter((r) => r.method === method && path.test(r.path))
const gone = { status: 404, body: { itemNotFound: { code: 404, message: 'Instance could not be found.' } } }
const cellDown = { status: 500, body: { computeFault: { code: 500, message: 'Cell is not responding' } } }

test('a server that is known and not in the list is absent only when Nova says that it is gone', async () => {
  const provider = openCloud(cloud)
  const created = await provider.create(specOf(), call)
  if (!('ref' in created)) throw new Error('it was not made')
  const { ref } = created
  const [server] = cloud.things.servers
  const told = async (status: number, body?: unknown) => {
    cloud.instead = ({ path }) => {
      // As Nova's list answers while the server's cell is down, below version 2.69.
      if (path.includes('/servers/detail')) return { status: 200, body: { servers: [] } }
      return path.endsWith(`/servers/${ref.ids?.['server']}`) ? { status, body } : undefined
    }
    return await provider.inspect(ref, call)
  }
  expect(await told(cellDown.status, cellDown.body)).toEqual({
    kind: 'unknown',
    why: 'nova: 500 Cell is not responding',
  })
  expect(await told(200, { server })).toMatchObject({ kind: 'running' })
  expect(await told(200, { server: { ...server, status: 'SOFT_DELETED' } })).toMatchObject({ kind: 'unknown' })
  expect(await told(200, { server: { ...server, status: 'UNKNOWN' } })).toMatchObject({ kind: 'unknown' })
  expect(await told(404)).toMatchObject({ kind: 'unknown' })
  expect(await told(gone.status, gone.body)).toEqual({ kind: 'absent' })
  expect(await told(200, { server: { ...server, status: 'DELETED' } })).toEqual({ kind: 'absent' })
  await provider.close()
})

test('a pause or a resume of one whose cell is down says nothing, and asks for nothing', async () => {
  const provider = openCloud(cloud)
  const created = await provider.create(specOf(), call)
  if (!('ref' in created)) throw new Error('it was not made')
  const { ref } = created
  cloud.instead = ({ path }) => {
    if (path.includes('/servers/detail')) return { status: 200, body: { servers: [] } }
    return path.includes(`/servers/${ref.ids?.['server']}`) ? cellDown : undefined
  }
  expect(await provider.pause?.(ref, call)).toMatchObject({ kind: 'unknown' })
  expect(await provider.resume?.(ref, call)).toMatchObject({ kind: 'unknown' })
  expect(asked('POST', /action$/)).toEqual([])
  await provider.close()
})
