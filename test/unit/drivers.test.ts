import { describe, expect, test } from 'vitest'
import { providerKinds } from '../../domain/provider-kinds.ts'
import { apiKinds, apiSettingsFaults, hostsOf } from '../../ports/compute/api-settings.ts'
import {
  openProvider,
  ProviderKindRefused,
  ProviderSettingsInvalid,
  settingsFaults,
} from '../../ports/compute/drivers.ts'
import type { ProviderToOpen } from '../../ports/compute/drivers.ts'

const open = (over: Partial<ProviderToOpen>) =>
  openProvider({
    id: 'p1',
    kind: 'docker',
    settings: {},
    networks: [],
    development: false,
    weakIsolationAllowedFor: [],
    ...over,
  })
const faultOf = (over: Partial<ProviderToOpen>): ProviderSettingsInvalid | null => {
  try {
    void open(over).close()
    return null
  } catch (error) {
    if (error instanceof ProviderSettingsInvalid) return error
    throw error
  }
}
const problems = (over: Partial<ProviderToOpen>) => faultOf(over)?.problems ?? []

test('a docker provider opens without a daemon, and says what it can', async () => {
  const provider = open({ settings: { dockerHost: 'unix:///nowhere.sock' } })
  expect(provider.capabilities).toMatchObject({ isolation: 'enforced', egress: ['none', 'internet'], mounts: true })
  await provider.close()
})

test('every problem of the settings is told at once, with its key', () => {
  expect(problems({ settings: { pidsLimit: 0, pull: 'yes' } }).map((p) => p.split(':')[0])).toEqual([
    'pidsLimit',
    'pull',
  ])
  expect(problems({ settings: 'none' })).toHaveLength(1)
})

test('process runs in development, elsewhere only where it is allowed by name; the fake only in development', () => {
  expect(problems({ kind: 'process' })[0]).toContain('allowed by name')
  expect(problems({ kind: 'process', weakIsolationAllowedFor: ['p2'] })[0]).toContain('allowed by name')
  expect(problems({ kind: 'process', weakIsolationAllowedFor: ['p1'] })[0]).not.toContain('allowed by name')
  expect(problems({ kind: 'process', development: true })[0]).not.toContain('allowed by name')
  expect(problems({ kind: 'fake' })).toHaveLength(1)
  expect(problems({ kind: 'fake', development: true })).toEqual([])
})

test('whatever keeps sessions apart only in part is refused outside development, unless it is allowed by name', () => {
  const weak = { settings: { egressEnforcement: 'best_effort' } }
  expect(faultOf(weak)).toBeInstanceOf(ProviderKindRefused)
  expect(problems(weak)[0]).toContain('allowed by name')
  expect(problems({ ...weak, weakIsolationAllowedFor: ['p1'] })).toEqual([])
  expect(problems({ ...weak, development: true })).toEqual([])
})

test('a kind that is none is told', () => {
  expect(problems({ kind: 'abacus' })).toEqual([`kind: must be one of ${providerKinds.join(', ')}`])
})

test('a docker provider that would wait for a lost create longer than a removal may take is refused', () => {
  expect(problems({ settings: { settleMs: 60_000 } })).toEqual([])
  expect(problems({ settings: { settleMs: 120_000 } })).toHaveLength(1)
})

test('configuration names a file that holds a secret: the provider’s row is open', () => {
  expect(settingsFaults('docker', { clientKey: '-----BEGIN PRIVATE KEY-----' }).map(({ path }) => path)).toContainEqual(
    ['clientKey'],
  )
  expect(settingsFaults('docker', {})).toEqual([])
})

describe('of a provider that was made through the API', () => {
  const settings = { dockerHost: 'tcp://10.0.0.1:2376', caCertificate: '-----BEGIN CERTIFICATE-----' }
  const secrets = { clientCertificate: '-----BEGIN CERTIFICATE-----', clientKey: '-----BEGIN PRIVATE KEY-----' }
  const byApi = { secrets, backendNetworks: ['10.0.0.0/8'] }

  test('settings and secrets come together', () => {
    expect(problems({ settings, byApi })).toEqual([])
    expect(problems({ settings, byApi: { ...byApi, secrets: {} } })[0]).toContain('caCertificate')
  })

  test('whoever wrote the row, it names no files, no programs, and no place outside', () => {
    expect(problems({ settings: { ...settings, certPath: '/etc' }, byApi })[0]).toContain('certPath')
    expect(problems({ settings: { dockerHost: 'ssh://root@10.0.0.1' }, byApi })[0]).toContain('dockerHost')
    expect(problems({ settings, byApi: { ...byApi, backendNetworks: ['10.1.0.0/16'] } })[0]).toContain('outside')
    expect(problems({ settings: { ...settings, dockerHost: 'tcp://127.0.0.1:1' }, byApi })[0]).toContain('outside')
    expect(faultOf({ kind: 'process', development: true, byApi })).toBeInstanceOf(ProviderKindRefused)
  })
})

describe.each(Object.entries(apiKinds))('the settings of %s by the API', (_, kind) => {
  test('are closed, and have no member that names a file, a program or a redirect', () => {
    const faults = apiSettingsFaults(kind, { exec: {}, kubeconfig: '/x', followRedirects: true }, {})
    for (const name of ['exec', 'kubeconfig', 'followRedirects'])
      expect(faults).toContainEqual({ of: 'settings', path: [name], message: 'There is no such setting.' })
  })

  test('hold no secret: those come apart', () => {
    for (const name of kind.secret) {
      const faults = apiSettingsFaults(kind, { [name]: 'x' }, {})
      expect(faults).toContainEqual({ of: 'settings', path: [name], message: expect.stringContaining('secret') })
    }
    expect(apiSettingsFaults(kind, {}, { nonsense: 'x' })).toContainEqual(
      expect.objectContaining({ of: 'secrets', path: ['nonsense'] }),
    )
  })
})

test('every host that settings name is found, at whatever depth, and whether credentials stand before it', () => {
  const settings = {
    a: 'https://one.example.org/x',
    b: [{ c: 'tcp://user@[fd00::1]:2376' }],
    d: 'plain',
    e: 3,
    f: null,
  }
  expect(hostsOf(settings)).toEqual([
    { path: ['a'], host: 'one.example.org', credentials: false },
    { path: ['b', '0', 'c'], host: 'fd00::1', credentials: true },
  ])
})

test.each([
  'http:/169.254.169.254/v3',
  'https:169.254.169.254',
  'https:\\\\169.254.169.254',
  ' HTTPS://169.254.169.254',
  'https:///169.254.169.254',
  'https://0xa9fea9fe/',
])('an address is found however it is written: %j', (text) => {
  expect(hostsOf({ url: text })).toEqual([{ path: ['url'], host: '169.254.169.254', credentials: false }])
})

test.each(['gpu:a100', '10.1.0.0/16', 'fe80::1', 'nvidia.com/gpu', '-----BEGIN CERTIFICATE-----\nca', 'file:/etc/x'])(
  'what leads to no host is none: %j',
  (text) => expect(hostsOf(text)).toEqual([]),
)
