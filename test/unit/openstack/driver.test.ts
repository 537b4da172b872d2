import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keystoneTime } from '../../../ports/compute/openstack/keystone-time.ts'
import type { ObservedInstance } from '../../../ports/compute/provider.ts'
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

const left = () => Object.entries(cloud.things).flatMap(([kind, all]) => (kind === 'images' ? [] : all.map(() => kind)))
const asked = (method: string, path: RegExp) => cloud.requests.filter((r) => r.method === method && path.test(r.path))
const volumeTerms = { openstack: { flavors: { small: 'm1.small' }, boot: 'volume' as const } }

test('a machine on a volume, with a floating address: made, found running, removed in order', async () => {
  const provider = openCloud(cloud, { floatingNetwork: 'outside' })
  const spec = specOf({ terms: volumeTerms })
  const ref = { name: spec.name, deploymentId: spec.deploymentId }
  expect(await provider.create(spec, call)).toMatchObject({ kind: 'made', ref })
  expect(left().sort()).toEqual(['floatingips', 'ports', 'security_groups', 'servers', 'volumes'])
  expect(cloud.things.volumes).toMatchObject([{ size: 10, metadata: { 'carrel.name': spec.name } }])
  expect(cloud.things.floatingips).toMatchObject([{ port_id: cloud.things.ports[0]?.id }])
  expect(await provider.inspect(ref, call)).toMatchObject({ kind: 'running', endpoints: [{ host: '203.0.113.7' }] })

  expect(await provider.remove(ref, call)).toEqual({ kind: 'removed' })
  expect(left()).toEqual([])
  const removals = asked('DELETE', /servers|ports|floatingips|volumes|security-groups\//).map(
    ({ path }) => path.split('/')[2],
  )
  expect(removals).toEqual(['servers', 'ports', 'floatingips', 'volumes', 'security-groups'])
  await provider.close()
})

test('a token is renewed before it ends, and once after it was refused', async () => {
  const provider = openCloud(cloud)
  const ref = specOf()
  const signIns = () => asked('POST', /auth\/tokens$/).length
  await provider.inspect(ref, call)
  await provider.inspect(ref, call)
  expect(signIns()).toBe(1)
  const revoked = 'token-1'
  cloud.instead = ({ headers }) => (headers['x-auth-token'] === revoked ? { status: 401, body: {} } : undefined)
  expect(await provider.inspect(ref, call)).toEqual({ kind: 'absent' })
  expect(signIns()).toBe(2)
  cloud.instead = ({ service }) => (service === 'identity' ? undefined : { status: 401, body: {} })
  expect((await provider.inspect(ref, call)).kind).toBe('unknown')
  expect(signIns()).toBe(3)
  await provider.close()

  cloud.instead = () => undefined
  cloud.tokenSeconds = 0
  const brief = openCloud(cloud)
  await brief.inspect(ref, call)
  await brief.inspect(ref, call)
  expect(signIns()).toBeGreaterThan(4)
  await brief.close()
})

test('a token that ends with its application credential is taken, though its end names no zone', async () => {
  cloud.endsWithCredential = true
  const provider = openCloud(cloud)
  expect(await provider.inspect(specOf(), call)).toEqual({ kind: 'absent' })
  await provider.inspect(specOf(), call)
  expect(asked('POST', /auth\/tokens$/)).toHaveLength(1)
  await provider.close()

  const utc = Date.UTC(2026, 10, 22, 18, 22, 17, 108)
  for (const text of ['2026-11-22T18:22:17.108000', '2026-11-22T18:22:17.108Z', '2026-11-22T19:22:17.108+01:00'])
    expect(keystoneTime.parse(text)).toBe(utc)
  expect(keystoneTime.safeParse('soon').success).toBe(false)
})

test('ten calls at once sign in once', async () => {
  const provider = openCloud(cloud)
  await Promise.all(Array.from({ length: 10 }, () => provider.inspect(specOf(), call)))
  expect(asked('POST', /auth\/tokens$/)).toHaveLength(1)
  await provider.close()
})

test('each service is spoken to in one version of its words', async () => {
  const provider = openCloud(cloud)
  await provider.create(specOf({ terms: volumeTerms }), call)
  const versions = (service: string) =>
    new Set(cloud.requests.filter((r) => r.service === service).map((r) => r.headers['openstack-api-version']))
  expect(versions('compute')).toEqual(new Set(['compute 2.60']))
  expect(versions('block-storage')).toEqual(new Set(['volume 3.0']))
  await provider.close()
})

test('a redirect is not followed, and an answer of another kind is not believed', async () => {
  const provider = openCloud(cloud)
  const ref = specOf()
  cloud.instead = ({ service }) =>
    service === 'compute' ? { status: 302, headers: { location: 'http://127.0.0.1:1/' } } : undefined
  expect(await provider.inspect(ref, call)).toMatchObject({ kind: 'unknown', why: 'nova: 302' })
  cloud.instead = ({ service }) => (service === 'compute' ? { status: 200, body: { servers: 'none' } } : undefined)
  expect((await provider.inspect(ref, call)).kind).toBe('unknown')
  cloud.instead = ({ service }) => (service === 'compute' ? { status: 404 } : undefined)
  expect((await provider.inspect(ref, call)).kind).toBe('unknown')
  expect((await provider.remove(ref, call)).kind).toBe('unknown')
  await provider.close()
})

test('a cloud that takes connections and says nothing is given up in time, however many ask', async () => {
  const silent = createServer(() => undefined)
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const provider = openCloud(cloud, { endpoints: { compute: `https://127.0.0.1:${port}/v2.1` }, requestTimeoutMs: 300 })
  const began = performance.now()
  const states = await Promise.all(Array.from({ length: 5 }, () => provider.inspect(specOf(), call)))
  expect(states.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'unknown'))
  expect(performance.now() - began).toBeLessThan(8_000)
  await provider.close()
  silent.close()
})

test('what is around a machine that is not there yet is listed as waiting', async () => {
  const provider = openCloud(cloud, { pageSize: 2, floatingNetwork: 'outside' })
  const specs = Array.from({ length: 5 }, () => specOf())
  for (const spec of specs) await provider.create(spec, call)
  cloud.things.servers.splice(0, 2)
  const seen: ObservedInstance[] = []
  for await (const each of provider.list(specs[0]?.deploymentId ?? '', call)) seen.push(each)
  expect(seen.map(({ state }) => state.kind).sort()).toEqual(['pending', 'pending', 'running', 'running', 'running'])
  expect(seen.map(({ ref }) => ref.name).sort()).toEqual(specs.map(({ name }) => name).sort())
  await provider.close()
})

test('a list goes on though the one after which it should go on is gone', async () => {
  const provider = openCloud(cloud, { pageSize: 2 })
  const specs = Array.from({ length: 5 }, () => specOf())
  for (const spec of specs) await provider.create(spec, call)
  const names: string[] = []
  for await (const { ref } of provider.list(specs[0]?.deploymentId ?? '', call)) {
    names.push(ref.name)
    if (names.length === 2) cloud.things.servers.splice(1, 1)
  }
  expect(names.sort()).toEqual(specs.map(({ name }) => name).sort())
  await provider.close()
})

test('two workers that make the same at once come to one, and neither takes what is the other’s', async () => {
  // However slow whoever came first is here, nobody takes over what it has begun.
  const open = () => openCloud(cloud, { takeOverMs: 30_000 })
  const drivers = [open(), open(), open()]
  for (let round = 0; round < 5; round++) {
    const spec = specOf()
    const answers = await Promise.all(drivers.map((driver) => driver.create(spec, call)))
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['adopted', 'adopted', 'made'])
    expect(cloud.things.servers.filter((s) => s['name'] === spec.name)).toHaveLength(1)
    expect(cloud.things.security_groups.filter((s) => s['name'] === spec.name)).toHaveLength(1)
  }
  await Promise.all(drivers.map((driver) => driver.close()))
}, 120_000)

test('what another worker began and left is ended by the next, after a while', async () => {
  const dying = openCloud(cloud)
  const spec = specOf()
  cloud.instead = ({ method, path }) => (method === 'POST' && path.endsWith('/ports') ? { status: 503 } : undefined)
  expect((await dying.create(spec, call)).kind).toBe('unavailable')
  cloud.instead = () => undefined
  expect(left()).toEqual(['security_groups'])
  const next = openCloud(cloud)
  expect((await next.create(spec, call)).kind).toBe('made')
  expect(left().sort()).toEqual(['ports', 'security_groups', 'servers'])
  await Promise.all([dying.close(), next.close()])
})

test('what was begun long ago, as before the cloud went away, is gone on with at once', async () => {
  const provider = openCloud(cloud, { takeOverMs: 60_000 })
  const spec = specOf()
  cloud.instead = ({ method, path }) => {
    if (method !== 'POST' || !path.endsWith('/security-groups')) return undefined
    const group = { name: spec.name, description: `carrel ${spec.deploymentId}`, created_at: '2026-11-20T08:00:00Z' }
    cloud.things.security_groups.push({ ...group, id: 'begun', security_group_rules: [] })
    return { status: 503 }
  }
  expect((await provider.create(spec, call)).kind).toBe('unavailable')
  cloud.instead = () => undefined
  expect((await provider.create(spec, call)).kind).toBe('made')
  expect(cloud.things.security_groups.map(({ id }) => id)).toEqual(['begun'])
  await provider.close()
})

test('a refused server leaves nothing behind, and says the cloud’s own words to operators', async () => {
  const provider = openCloud(cloud, { floatingNetwork: 'outside' })
  const message = 'Quota exceeded for instances: Requested 1, but already used 1 of 1 instances'
  cloud.instead = ({ method, path }) =>
    method === 'POST' && path.endsWith('/servers')
      ? { status: 403, body: { forbidden: { code: 403, message } } }
      : undefined
  expect(await provider.create(specOf({ terms: volumeTerms }), call)).toEqual({
    kind: 'refused',
    code: 'backend_quota',
    detail: `nova: 403 ${message}`,
  })
  expect(left()).toEqual([])
  await provider.close()
})

test('the fault of a server is asked for where the list keeps silent about it', async () => {
  const provider = openCloud(cloud)
  const spec = specOf()
  await provider.create(spec, call)
  const [server] = cloud.things.servers
  Object.assign(server ?? {}, { status: 'ERROR', addresses: {} })
  cloud.instead = ({ method, path }) =>
    method === 'GET' && path.endsWith(`/servers/${server?.id}`)
      ? { status: 200, body: { server: { ...server, fault: { code: 500, message: 'No valid host was found. ' } } } }
      : undefined
  expect(await provider.inspect(spec, call)).toMatchObject({ kind: 'exited', reason: 'unschedulable' })
  for await (const { state } of provider.list(spec.deploymentId, call))
    expect(state).toEqual({ kind: 'exited', exitCode: null, outOfMemory: false })
  await provider.close()
})

test('a group that is named for a class of egress is put to the port beside the session’s own, and stays', async () => {
  const provider = openCloud(cloud, { egressGroups: { internet: 'out' } })
  const spec = specOf({ egress: 'internet' })
  expect(await provider.create(spec, call)).toMatchObject({ kind: 'unavailable' })
  expect(left()).toEqual([])
  cloud.things.security_groups.push({ id: 'out', name: 'out', description: 'of the site' })
  expect(await provider.create(spec, call)).toMatchObject({ kind: 'made' })
  expect(cloud.things.ports[0]?.['security_groups']).toEqual([expect.stringMatching(/-/), 'out'])
  expect(await provider.remove(spec, call)).toEqual({ kind: 'removed' })
  expect(cloud.things.security_groups.map(({ id }) => id)).toEqual(['out'])
  await provider.close()
})

test('no more servers are made at once than the settings allow', async () => {
  const provider = openCloud(cloud, { parallelBoots: 2 })
  let [now, most] = [0, 0]
  cloud.instead = ({ method, path }) => {
    // A create begins here to stand around its server, and ends when its server is said yes to.
    if (method === 'POST' && path.endsWith('/security-groups')) most = Math.max(most, ++now)
    if (method === 'POST' && path.endsWith('/servers')) now -= 1
    return undefined
  }
  await Promise.all(Array.from({ length: 8 }, () => provider.create(specOf(), call)))
  expect(cloud.things.servers).toHaveLength(8)
  expect(most).toBeLessThanOrEqual(2)
  await provider.close()
})
