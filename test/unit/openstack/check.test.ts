import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CheckedTemplate } from '../../../ports/compute/provider.ts'
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

test('a check names what is missing, in codes', async () => {
  const provider = openCloud(cloud, { network: 'nowhere' })
  const sizes = [{ name: 'small', cpuMilli: 1, memoryMib: 1, diskMib: 1, gpus: 0 }]
  const terms = { openstack: { flavors: { small: 'm9.none' } } }
  const templates = [{ image: 'none', sizes, egress: 'none' as const, terms }]
  const findings = (await provider.check?.({ deploymentId: 'd', templates }, call)) ?? []
  expect(findings.map(({ code, about }) => `${code} ${about}`)).toEqual(
    expect.arrayContaining(['named_missing network nowhere', 'named_missing flavor m9.none', 'image_missing none']),
  )
  await provider.close()
})

const templateOf = (boot: 'image' | 'volume', ...gib: readonly number[]): CheckedTemplate => ({
  image: 'desk',
  sizes: gib.map((size) => ({ name: 'small', cpuMilli: 1, memoryMib: 1, diskMib: size * 1024, gpus: 0 })),
  egress: 'none',
  terms: { openstack: { flavors: { small: 'm1.small' }, boot } },
})

const amount = (limit: number, in_use: number, reserved = 0) => ({ limit, in_use, reserved })
type Quota = Readonly<Record<string, ReturnType<typeof amount>>>

/** A Cinder that has two types, and grants so much. */
function grant(quota: Quota): void {
  const types = [
    { id: 't1', name: 'disk' },
    { id: 't2', name: 'flash' },
  ]
  cloud.instead = ({ service, path }) => {
    if (service !== 'block-storage') return undefined
    if (path.includes('/types/default')) return { status: 200, body: { volume_type: types[0] } }
    if (path.includes('/types')) return { status: 200, body: { volume_types: types } }
    if (/\/os-quota-sets\/a{32}\?usage=True$/.test(path))
      return { status: 200, body: { quota_set: { id: 'a'.repeat(32), ...quota } } }
    return undefined
  }
}

async function checked(templates: readonly CheckedTemplate[], settings: Readonly<Record<string, unknown>> = {}) {
  const provider = openCloud(cloud, settings)
  const findings = (await provider.check?.({ deploymentId: 'd', templates }, call)) ?? []
  await provider.close()
  const ofOthers = ['quotas of nova', 'quotas of neutron']
  return findings
    .filter(({ about = '' }) => !ofOthers.includes(about))
    .map(({ code, level, about }) => `${code} ${level} ${about}`)
    .toSorted()
}

const ample = { volumes: amount(10, 3), gigabytes: amount(1_000, 30), per_volume_gigabytes: amount(-1, 0) }

test('what Cinder grants is enough, or is without a bound', async () => {
  grant(ample)
  expect(await checked([templateOf('volume', 10, 970)])).toEqual([])
  grant({ volumes: amount(-1, 900), gigabytes: amount(-1, 9_000) })
  expect(await checked([templateOf('volume', 10)])).toEqual([])
})

test('no volume is left, nor room for one of the least size; and room for the least alone is a warning', async () => {
  grant({ ...ample, volumes: amount(10, 8, 2), gigabytes: amount(100, 95) })
  expect(await checked([templateOf('volume', 10, 20)])).toEqual([
    'quota_exhausted missing gigabytes',
    'quota_exhausted missing volumes',
  ])
  grant({ ...ample, gigabytes: amount(100, 85), per_volume_gigabytes: amount(15, 0) })
  expect(await checked([templateOf('volume', 10), templateOf('volume', 20), templateOf('image', 500)])).toEqual([
    'quota_exhausted warning gigabytes',
    'quota_exhausted warning per_volume_gigabytes',
  ])
})

test('of its type, by name, by id or by default, a volume is counted once more; a type that is not there is named', async () => {
  grant({ ...ample, volumes_disk: amount(1, 1), gigabytes_flash: amount(5, 0) })
  const templates = [templateOf('volume', 10)]
  expect(await checked(templates)).toEqual(['quota_exhausted missing volumes_disk'])
  for (const volumeType of ['flash', 't2'])
    expect(await checked(templates, { volumeType })).toEqual(['quota_exhausted missing gigabytes_flash'])
  expect(await checked(templates, { volumeType: 'tape' })).toEqual(['named_missing missing volume type tape'])
})

test('Cinder is asked where a template boots from a volume, and nowhere else', async () => {
  grant({ ...ample, volumes: amount(1, 1) })
  expect(await checked([templateOf('image', 10)])).toEqual([])
  expect(cloud.requests.filter(({ service }) => service === 'block-storage')).toEqual([])
  cloud.services.splice(cloud.services.indexOf('block-storage'), 1)
  expect(await checked([templateOf('volume', 10)])).toEqual(['named_missing missing service block-storage'])
})

test('the key and the zone of a template are looked for, each once', async () => {
  const zones = [
    { zoneName: 'north', zoneState: { available: true } },
    { zoneName: 'south', zoneState: { available: false } },
  ]
  const absent = { itemNotFound: { code: 404, message: 'Keypair lost not found for user u' } }
  cloud.instead = ({ path }) => {
    if (path.includes('/os-availability-zone')) return { status: 200, body: { availabilityZoneInfo: zones } }
    if (path.endsWith('/os-keypairs/desk')) return { status: 200, body: { keypair: { name: 'desk' } } }
    return path.includes('/os-keypairs/') ? { status: 404, body: absent } : undefined
  }
  const asks = [
    ['desk', 'north'],
    ['desk', 'north:node-1'],
    ['lost', 'south'],
    ['lost', 'west'],
  ]
  const templates = asks.map(([keyName = '', availabilityZone = '']): CheckedTemplate => {
    const terms = { openstack: { flavors: { small: 'm1.small' }, keyName, availabilityZone } }
    return { ...templateOf('image', 10), terms }
  })
  expect(await checked(templates)).toEqual([
    'named_missing missing availability zone south',
    'named_missing missing availability zone west',
    'named_missing missing key lost',
  ])
  expect(cloud.requests.filter(({ path }) => path.includes('/os-keypairs/'))).toHaveLength(2)
})

test('what was there some minutes ago and is gone is missing all the same', async () => {
  const provider = openCloud(cloud)
  const look = async () =>
    (await provider.check?.({ deploymentId: 'd', templates: [templateOf('image', 10)] }, call)) ?? []
  const names = async () => (await look()).flatMap(({ code, about }) => (code === 'named_missing' ? [about] : []))
  await provider.create(specOf(), call)
  expect(await names()).toEqual([])
  cloud.instead = ({ path }) => {
    if (path.includes('/networks')) return { status: 200, body: { networks: [] } }
    return path.includes('/flavors') ? { status: 200, body: { flavors: [] } } : undefined
  }
  expect((await names()).toSorted()).toEqual(['flavor m1.small', 'network inside'])
  await provider.close()
})

test('a Neutron that does not tell its quotas hides nothing of what Nova tells of its own', async () => {
  const absolute = {
    maxTotalInstances: 10,
    totalInstancesUsed: 10,
    maxTotalCores: -1,
    totalCoresUsed: 40,
    maxTotalRAMSize: 4_096,
    totalRAMUsed: 1_024,
  }
  cloud.instead = ({ path }) => (path.endsWith('/limits') ? { status: 200, body: { limits: { absolute } } } : undefined)
  const provider = openCloud(cloud)
  expect(await provider.check?.({ deploymentId: 'd', templates: [] }, call)).toEqual([
    { code: 'quota_exhausted', level: 'missing', about: 'instances' },
    { code: 'not_checked', level: 'warning', about: 'quotas of neutron' },
  ])
  await provider.close()
})
