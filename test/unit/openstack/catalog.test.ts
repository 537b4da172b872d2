import { afterEach, beforeEach, expect, test } from 'vitest'
import { catalogShape, endpointOf, identityUrl } from '../../../ports/compute/openstack/catalog.ts'
import { cloudOf } from '../../../ports/compute/openstack/clouds.ts'
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

const at = (url: string, region_id?: string, kind = 'public') => ({ interface: kind, region_id, url })
const anywhere = { regionName: null, interface: 'public', endpoints: {} } as const

test('a service is found by region and interface, and its version is put to an address that has none', () => {
  const catalog = catalogShape.parse([
    { type: 'compute', endpoints: [at('http://south/v2.1', 'south'), at('http://north/compute/v2.1/', 'north')] },
    { type: 'network', endpoints: [at('http://north:9696/', 'north'), at('http://inner:9696', 'north', 'internal')] },
    { type: 'volumev3', endpoints: [at('http://north/v3/abc', 'north')] },
    { type: 'image', endpoints: [] },
  ])
  const north = { ...anywhere, regionName: 'north' }
  expect(endpointOf(catalog, 'compute', north)).toBe('http://north/compute/v2.1')
  expect(endpointOf(catalog, 'network', north)).toBe('http://north:9696/v2.0')
  expect(endpointOf(catalog, 'network', { ...north, interface: 'internal' })).toBe('http://inner:9696/v2.0')
  expect(endpointOf(catalog, 'volume', north)).toBe('http://north/v3/abc')
  expect(endpointOf(catalog, 'image', north)).toBeNull()
  expect(endpointOf(catalog, 'image', { ...north, endpoints: { image: 'http://own' } })).toBe('http://own/v2')
  expect(['http://a:5000', 'http://a:5000/v3/', 'http://a:5000/v2.0'].map(identityUrl)).toEqual(
    Array.from({ length: 3 }, () => 'http://a:5000/v3'),
  )
})

test('where no region is named all services are of one, the one in which compute stands first', () => {
  const catalog = catalogShape.parse([
    { type: 'network', endpoints: [at('http://net.north', 'north'), at('http://net.south', 'south')] },
    { type: 'compute', endpoints: [at('http://cpu.south', 'south'), at('http://cpu.north', 'north')] },
    { type: 'volumev3', endpoints: [at('http://disk.north', 'north')] },
  ])
  expect(endpointOf(catalog, 'network', anywhere)).toBe('http://net.south/v2.0')
  expect(endpointOf(catalog, 'compute', anywhere)).toBe('http://cpu.south/v2.1')
  expect(endpointOf(catalog, 'volume', anywhere)).toBeNull()
  const nowhere = catalogShape.parse([
    { type: 'compute', endpoints: [at('http://cpu')] },
    { type: 'network', endpoints: [at('http://net')] },
  ])
  expect(endpointOf(nowhere, 'network', anywhere)).toBe('http://net/v2.0')
})

test.each(['http://%(host)s:8774', 'https://', 'http://[x]/', 'ftp://cloud/', 'nova'])(
  'a catalogue that says %s is a cloud in trouble, and no fault of a session',
  async (url) => {
    const provider = openCloud(cloud)
    const token = {
      issued_at: '2026-01-01T00:00:00Z',
      expires_at: '2026-01-01T01:00:00Z',
      catalog: ['compute', 'network', 'image'].map((type) => ({ type, endpoints: [at(url)] })),
      project: { id: 'p' },
      user: { id: 'u' },
    }
    cloud.instead = ({ service }) =>
      service === 'identity' ? { status: 201, headers: { 'x-subject-token': 't' }, body: { token } } : undefined
    expect(await provider.inspect(specOf(), call)).toMatchObject({ kind: 'unknown' })
    expect(await provider.create(specOf(), call)).toMatchObject({ kind: 'unavailable' })
    expect(await provider.check?.({ deploymentId: 'd', templates: [] }, call)).not.toEqual([])
    await provider.close()
  },
)

test('an address of its own that is none is refused with the file that says it', () => {
  const entry = `{ auth: { auth_url: 'https://x/v3', username: a, password: hush, project_name: c }`
  for (const more of ['compute_endpoint_override: nova', 'image_endpoint_override: "http://%(host)s"'])
    expect(() => cloudOf(`clouds: { c: ${entry}, ${more} } }`, 'c')).toThrow(/_endpoint_override/)
  for (const auth_url of ['nova', 'https://', 'http://[x]/'])
    expect(() => cloudOf(`clouds: { c: { auth: { auth_url: '${auth_url}' } } }`, 'c')).toThrow(/auth_url/)
})
