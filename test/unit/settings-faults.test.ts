import { expect, test } from 'vitest'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { apiKinds, apiSettingsFaults } from '../../ports/compute/api-settings.ts'
import { settingsFaults } from '../../ports/compute/drivers.ts'
import { fakeSettings } from '../../ports/compute/fake/settings.ts'
import { handoverSettings } from '../../ports/compute/handover/settings.ts'
import { kubernetesSettings } from '../../ports/compute/kubernetes/settings.ts'
import { openstackSettings } from '../../ports/compute/openstack/settings.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'
import { slurmSettings } from '../../ports/compute/slurm/settings.ts'

const networks = ['10.0.0.0/8']
/** Of each kind the least that is right, and what it can be told. */
const kinds = [
  { kind: 'docker', right: {}, shape: dockerSettings.unwrap().shape },
  { kind: 'fake', right: {}, shape: fakeSettings.unwrap().shape },
  { kind: 'handover', right: { provisioner: 'abc' }, shape: handoverSettings.shape },
  {
    kind: 'kubernetes',
    right: { inCluster: true, reachableFrom: [{ network: '10.0.0.0/8' }] },
    shape: kubernetesSettings.unwrap().shape,
  },
  {
    kind: 'openstack',
    right: { cloudsFile: '/clouds.yaml', cloud: 'demo', network: 'sessions', gatewayNetworks: networks },
    shape: openstackSettings.unwrap().shape,
  },
  { kind: 'process', right: { stateDirectory: '/state', images: {} }, shape: processSettings.shape },
  {
    kind: 'slurm',
    right: { url: 'https://slurm', auth: 'token', tokenFile: '/token', user: 'carrel' },
    shape: slurmSettings.unwrap().shape,
  },
] as const

const wrong = [
  '',
  'lab',
  'a b\n',
  '../..',
  '{',
  'http://',
  'https://u:p@h',
  -1,
  1e12,
  1.5,
  null,
  true,
  [],
  ['?'],
  {},
  { a: 1 },
]

test.each(kinds)('whatever a setting of $kind is, it is told by its name and in words, and stops nothing', (one) => {
  expect(settingsFaults(one.kind, one.right)).toEqual([])
  const said = Object.keys(one.shape).flatMap((name) =>
    wrong.map((value) => {
      const given = { ...one.right, [name]: value }
      const api = apiKinds[one.kind]
      return {
        given,
        faults: settingsFaults(one.kind, given),
        byApi: api === undefined ? [] : apiSettingsFaults(api, given, {}),
      }
    }),
  )
  expect(said.filter(({ faults }) => faults.length > 0).length).toBeGreaterThan(10)
  const told = said.flatMap(({ faults, byApi }) => [...faults, ...byApi])
  expect(told.filter(({ message }) => /^Invalid input$/.test(message))).toEqual([])
  expect(told.filter(({ path }) => path.length === 0)).toEqual([])
})

test('a peer of the network rules is told how one is written', () => {
  const given = { inCluster: true, reachableFrom: ['10.0.0.0/8'] }
  expect(settingsFaults('kubernetes', given)).toEqual([
    { path: ['reachableFrom', '0'], message: expect.stringContaining('{"network": …}') },
  ])
})

test.each([
  ['docker', { dockerHost: 'tcp://127.example.org:2375' }, 'certPath'],
  ['slurm', { ...kinds[6].right, url: 'http://127.example.org' }, 'url'],
] as const)('%s: a name that begins like an address of this machine is another machine', (kind, settings, place) => {
  expect(settingsFaults(kind, settings).map(({ path }) => path)).toEqual([[place]])
})

test('a cluster that is named through the API without a token is told which secret is missing', () => {
  const kubernetes = apiKinds['kubernetes']
  if (kubernetes === undefined) throw new Error('there is no such kind')
  const ca = '-----BEGIN CERTIFICATE-----'
  const settings = { server: 'https://cluster', ca, reachableFrom: [{ network: '10.0.0.0/8' }] }
  expect(apiSettingsFaults(kubernetes, settings, {})).toMatchObject([{ of: 'secrets', path: ['token'] }])
})
