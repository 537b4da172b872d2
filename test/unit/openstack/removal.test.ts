import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLimit } from '../../../ports/compute/openstack/limit.ts'
import type { ComputeProvider } from '../../../ports/compute/provider.ts'
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
const asked = (method: string, path: RegExp) => cloud.requests.filter((r) => r.method === method && path.test(r.path))

test('the server is seen gone twice before anything around it is removed', async () => {
  const provider = openCloud(cloud)
  const spec = specOf()
  await provider.create(spec, call)
  cloud.requests.length = 0
  await provider.remove(spec, call)
  const told = cloud.requests.map(({ method, path }) => `${method} ${path.split(/[/?]/)[2]}`)
  const [gone, port] = [told.indexOf('DELETE servers'), told.indexOf('DELETE ports')]
  expect(told.slice(gone, port).filter((t) => t === 'GET servers').length).toBeGreaterThanOrEqual(2)
  await provider.close()
})

test('a server that the cloud keeps in case it was a mistake is deleted for good', async () => {
  const provider = openCloud(cloud)
  const spec = specOf()
  const created = await provider.create(spec, call)
  const server = cloud.things.servers[0]
  let kept = true
  cloud.instead = ({ method, path }) => {
    if (!kept || server === undefined || !path.includes(`/servers/${server.id}`)) return undefined
    if (method === 'POST') kept = !path.endsWith('/action')
    if (method === 'DELETE') cloud.things.servers.length = 0
    return method === 'GET' ? { status: 200, body: { server: { ...server, status: 'SOFT_DELETED' } } } : { status: 204 }
  }
  expect(await provider.remove('ref' in created ? created.ref : spec, call)).toEqual({ kind: 'removed' })
  expect(asked('POST', /action$/).map(({ body }) => body)).toContainEqual({ forceDelete: null })
  expect(left()).toEqual([])
  await provider.close()
})

const goneBody = { itemNotFound: { code: 404, message: 'Instance could not be found.' } }

/** What was made when the answer to its making was lost, and the list keeps silent about it: its port alone knows of it. */
async function makeHidden(provider: ComputeProvider) {
  const spec = specOf()
  await provider.create(spec, call)
  const [server] = cloud.things.servers
  const [port] = cloud.things.ports
  if (server === undefined || port === undefined) throw new Error('it was not made')
  port['device_id'] = server.id
  cloud.requests.length = 0
  return { spec, server, port }
}
const hidden = ({ path }: Seen) =>
  /\/servers(\/detail)?\?/.test(path) ? { status: 200, body: { servers: [] } } : undefined

test('of a server that Nova is deleting no more is asked than whether it is there', async () => {
  const provider = openCloud(cloud)
  const spec = specOf()
  await provider.create(spec, call)
  const [server] = cloud.things.servers
  cloud.requests.length = 0
  cloud.instead = ({ method, path }) => {
    if (server === undefined || method !== 'DELETE' || !path.endsWith(`/servers/${server.id}`)) return undefined
    server['OS-EXT-STS:task_state'] = 'deleting'
    return { status: 204 }
  }
  const removal = provider.remove(spec, call)
  await expect.poll(() => asked('GET', /servers\?/).length).toBeGreaterThan(5)
  const told = cloud.requests.map(
    ({ method, path }) => `${method} ${path.replace(/^.*\/servers/, '').replace(/\?.*/, '')}`,
  )
  const seen = ['GET ', 'GET /detail']
  expect(told.slice(0, 8)).toEqual([...seen, `DELETE /${server?.id}`, ...seen, 'GET ', 'GET ', 'GET '])
  cloud.things.servers.length = 0
  expect(await removal).toEqual({ kind: 'removed' })
  expect(left()).toEqual([])
  await provider.close()
})

test('the image that Nova made of a machine on its way to rest goes with it, and nobody else’s does', async () => {
  const provider = openCloud(cloud)
  const spec = specOf()
  await provider.create(spec, call)
  const made = { name: `${spec.name}-shelved`, status: 'queued', owner: cloud.projectId, visibility: 'private' }
  const image = (id: string, more: object) => ({ id, ...made, instance_uuid: cloud.things.servers[0]?.id, ...more })
  cloud.things.images.push(
    image('forgotten', {}),
    image('by-hand', { name: 'before the upgrade' }),
    image('of-another', { instance_uuid: 'of another deployment' }),
  )
  const [desk] = cloud.things.images
  expect(await provider.remove(spec, call)).toEqual({ kind: 'removed' })
  expect(cloud.things.images.map(({ id }) => id)).toEqual([desk?.id, 'by-hand', 'of-another'])
  const told = cloud.requests.map(({ method, path }) => `${method} ${path.split(/[/?]/)[2]}`)
  expect(told.indexOf('DELETE images')).toBeGreaterThan(told.indexOf('DELETE servers'))
  await provider.close()
})

test('an instance is not gone while the image of its disk is there', async () => {
  const provider = openCloud(cloud, { removeTimeoutMs: 1_000 })
  const spec = specOf()
  await provider.create(spec, call)
  const id = 'kept'
  cloud.things.images.push({
    ...{ id, name: `${spec.name}-shelved`, status: 'active', owner: cloud.projectId, visibility: 'private' },
    instance_uuid: cloud.things.servers[0]?.id,
  })
  cloud.instead = ({ method, path }) =>
    method === 'DELETE' && path.includes('/images/') ? { status: 409, body: {} } : undefined
  expect((await provider.remove(spec, call)).kind).toBe('unknown')
  expect(cloud.things.security_groups).toHaveLength(1)
  await provider.close()
})

test('a port is not removed from under a server that the list keeps silent about', async () => {
  const provider = openCloud(cloud)
  const { spec, server } = await makeHidden(provider)
  let itsCellIsDown = true
  cloud.instead = (seen) => {
    if (!seen.path.includes(`/servers/${server.id}`)) return hidden(seen)
    if (itsCellIsDown) return { status: 500, body: { computeFault: { code: 500, message: 'Cell is not responding' } } }
    if (seen.path.endsWith('/action')) cloud.things.servers.length = 0
    return undefined
  }
  expect(await provider.remove(spec, call)).toEqual({ kind: 'unknown', why: 'nova: 500 Cell is not responding' })
  expect(left().sort()).toEqual(['ports', 'security_groups', 'servers'])
  itsCellIsDown = false
  expect(await provider.remove(spec, call)).toEqual({ kind: 'removed' })
  expect(left()).toEqual([])
  const told = cloud.requests.map(({ method, path }) => `${method} ${path.split(/[/?]/)[2]}`)
  expect(told.indexOf('POST servers')).toBeGreaterThanOrEqual(0)
  expect(told.indexOf('POST servers')).toBeLessThan(told.indexOf('DELETE ports'))
  await provider.close()
})

test('a port whose server is gone is removed, and so is one that somebody gave to a server of theirs, which stays', async () => {
  const provider = openCloud(cloud)
  const dead = await makeHidden(provider)
  cloud.instead = (seen) =>
    seen.path.includes(`/servers/${dead.server.id}`) ? { status: 404, body: goneBody } : hidden(seen)
  expect(await provider.remove(dead.spec, call)).toEqual({ kind: 'removed' })
  expect(cloud.things.ports).toEqual([])

  cloud.things.servers.length = 0
  cloud.instead = hidden
  const lent = await makeHidden(provider)
  lent.server['metadata'] = {}
  expect(await provider.remove(lent.spec, call)).toEqual({ kind: 'removed' })
  expect(left()).toEqual(['servers'])
  expect(asked('POST', /action$/)).toEqual([])
  expect(asked('DELETE', /servers/)).toEqual([])
  await provider.close()
})

test('no more removals ask at once than the settings allow, and one whose server goes slowly keeps no other waiting', async () => {
  const provider = openCloud(cloud, { parallelRemovals: 2, removeTimeoutMs: 20_000 })
  const specs = Array.from({ length: 8 }, () => specOf())
  for (const spec of specs) await provider.create(spec, call)
  const [slow, ...others] = specs
  const stuck = cloud.things.servers[0]
  let [isStuck, now, most] = [true, 0, 0]
  cloud.instead = async ({ method, path }) => {
    most = Math.max(most, ++now)
    await new Promise((resolve) => setTimeout(resolve, 2))
    now -= 1
    return isStuck && method === 'DELETE' && path.endsWith(`/servers/${stuck?.id}`) ? { status: 204 } : undefined
  }
  const removal = provider.remove(slow ?? specOf(), call)
  const rest = await Promise.all(others.map((spec) => provider.remove(spec, call)))
  expect(rest).toEqual(others.map(() => ({ kind: 'removed' })))
  expect(left().sort()).toEqual(['ports', 'security_groups', 'servers'])
  isStuck = false
  expect(await removal).toEqual({ kind: 'removed' })
  expect(left()).toEqual([])
  // Each asks for ports, floating addresses, volumes and groups at once.
  expect(most).toBeLessThanOrEqual(2 * 4)
  await provider.close()
})

test('who ends something comes before those who begin, and whoever gives up waits no longer', async () => {
  const limit = createLimit(1)
  const done: string[] = []
  const deed = (name: string) => async () => void (await Promise.resolve(done.push(name)))
  let end = () => {}
  const first = limit(() => new Promise<void>((resolve) => (end = resolve)), call.signal)
  const gone = new AbortController()
  const waiting = [
    limit(deed('begins'), call.signal),
    limit(deed('gives up'), gone.signal).catch(() => done.push('gave up')),
    limit(deed('begins too'), call.signal),
    limit(deed('ends'), call.signal, 'next'),
  ]
  gone.abort()
  end()
  await Promise.all([first, ...waiting])
  expect(done.filter((name) => name !== 'gave up')).toEqual(['ends', 'begins', 'begins too'])
  expect(done).toContain('gave up')
})
