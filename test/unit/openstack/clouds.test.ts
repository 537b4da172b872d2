import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCloud } from '../../../ports/compute/openstack/account.ts'
import { cloudOf } from '../../../ports/compute/openstack/clouds.ts'
import { openstackApiSettings, openstackSettings } from '../../../ports/compute/openstack/settings.ts'
import { signInBody } from '../../../ports/compute/openstack/token.ts'
import { plainSettings } from './specs.ts'

const clouds = `
clouds:
  app:
    auth_type: v3applicationcredential
    auth:
      auth_url: https://cloud.example.org:5000/v3
      application_credential_id: 01230000000000000000000000000000
      application_credential_secret: hush
    region_name: north
    interface: internal
    identity_api_version: 3
    compute_endpoint_override: http://127.0.0.1:8774/v2.1
  person:
    auth:
      auth_url: https://cloud.example.org:5000
      username: ada
      password: hush
      project_name: study
      user_domain_name: People
      project_domain_id: default
    regions: [{ name: south }, north]
    verify: no
    cacert: /etc/ssl/cloud.pem
  odd: { auth: { auth_url: 'https://x/v3', username: a, project_id: p }, auth_type: v3oidcpassword }
  old: { auth: { auth_url: 'https://x/v2.0', username: a, password: b, project_name: c }, identity_api_version: '2.0' }
  bare: { profile: someone }
  wrong: { auth: { auth_url: 'https://x/v3' }, verify: perhaps }
  keyed: { auth: { auth_url: 'https://x/v3', username: a, password: hush, project_name: c }, cert: /etc/me.pem }
  beside:
    auth: { auth_url: 'https://x/v3', username: ada, password: hush, project_name: c }
    user_domain_id: people
    project_domain_name: Studies
    project_name: other
    verify: true
    insecure: true
  blank:
    auth: { auth_url: 'https://x/v3', user_id: null, username: ada, password: hush, project_id: '', project_name: c }
    auth_type: ~
    region_name: ''
    interface:
    cacert: null
`

test('an application credential is read, with its region, interface and addresses of its own', () => {
  expect(cloudOf(clouds, 'app')).toEqual({
    authUrl: 'https://cloud.example.org:5000/v3',
    credentials: { kind: 'application_credential', id: '01230000000000000000000000000000', secret: 'hush' },
    regionName: 'north',
    interface: 'internal',
    verify: true,
    caFile: null,
    endpoints: { compute: 'http://127.0.0.1:8774/v2.1' },
  })
})

test('a password is read, by names within domains', () => {
  const cloud = cloudOf(clouds, 'person')
  expect(cloud).toMatchObject({ regionName: 'south', interface: 'public', verify: false, caFile: '/etc/ssl/cloud.pem' })
  expect(signInBody(cloud.credentials)).toEqual({
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: 'ada', domain: { name: 'People' }, password: 'hush' } },
      },
      scope: { project: { name: 'study', domain: { id: 'default' } } },
    },
  })
})

test('an application credential names no scope', () => {
  expect(signInBody({ kind: 'application_credential', id: 'i', secret: 's' })).toEqual({
    auth: { identity: { methods: ['application_credential'], application_credential: { id: 'i', secret: 's' } } },
  })
})

test('secure.yaml goes before clouds.yaml', () => {
  const secure = 'clouds: { person: { auth: { password: newer, username: } } }'
  expect(cloudOf(clouds, 'person', secure).credentials).toMatchObject({ password: 'newer', user: { name: 'ada' } })
  for (const silent of ['', '# nothing yet', 'clouds:', 'clouds: { person: }', 'clouds: { other: { auth: {} } }'])
    expect(cloudOf(clouds, 'person', silent).credentials).toMatchObject({ password: 'hush' })
  expect(() => cloudOf(clouds, 'person', 'clouds: [')).toThrow(/secure.yaml/)
})

test('what stands there and says nothing is as what is not there', () => {
  const cloud = cloudOf(clouds, 'blank')
  expect(cloud).toMatchObject({ regionName: null, interface: 'public', caFile: null })
  expect(cloud.credentials).toMatchObject({ user: { name: 'ada' }, project: { name: 'c' } })
})

test('what belongs below auth is read beside it, and what stands below goes before', () => {
  const cloud = cloudOf(clouds, 'beside')
  expect(cloud.credentials).toMatchObject({
    user: { domain: { id: 'people' } },
    project: { name: 'c', domain: { name: 'Studies' } },
  })
  expect(cloud.verify).toBe(false)
})

test('a secure.yaml that is there and cannot be read is told', async () => {
  const home = await mkdtemp(join(tmpdir(), 'carrel-clouds-'))
  try {
    const cloudsFile = join(home, 'clouds.yaml')
    await writeFile(cloudsFile, clouds)
    const { network, gatewayNetworks } = plainSettings
    const settings = openstackSettings.parse({ network, gatewayNetworks, cloudsFile, cloud: 'person' })
    expect(readCloud(settings).authUrl).toBe('https://cloud.example.org:5000')
    await mkdir(join(home, 'secure.yaml'))
    expect(() => readCloud(settings)).toThrow(/secure.yaml/)
  } finally {
    await rm(home, { recursive: true })
  }
})

test.each([
  ['odd', /auth_type/],
  ['old', /version 3/],
  ['bare', /auth_url.*profiles/],
  ['keyed', /cert/],
  ['wrong', /verify/],
  ['none', /no cloud none/],
])('the cloud %s is refused, and no value of it is told', (name, why) => {
  expect(() => cloudOf(clouds, name)).toThrow(why)
  expect(() => cloudOf(clouds, name)).not.toThrow(/hush/)
})

test.each(['clouds: [', 'nothing: here', ''])('%j is no clouds.yaml', (text) => {
  expect(() => cloudOf(text, 'app')).toThrow(/clouds.yaml/)
})

test('settings name a file with a cloud, or an address with a credential, and not both', () => {
  const { network, gatewayNetworks } = plainSettings
  const rest = { network, gatewayNetworks }
  expect(openstackSettings.safeParse(plainSettings).success).toBe(true)
  expect(openstackSettings.safeParse({ ...rest, cloudsFile: '/etc/clouds.yaml', cloud: 'app' }).success).toBe(true)
  expect(openstackSettings.safeParse({ ...rest, cloudsFile: '/etc/clouds.yaml' }).success).toBe(false)
  expect(openstackSettings.safeParse({ ...plainSettings, cloudsFile: '/a', cloud: 'app' }).success).toBe(false)
  expect(openstackSettings.safeParse(rest).success).toBe(false)
  expect(openstackSettings.safeParse({ ...plainSettings, authUrl: 'https://me:pw@cloud/v3' }).success).toBe(false)
  expect(openstackSettings.safeParse({ ...plainSettings, gatewayNetworks: [] }).success).toBe(false)
  expect(openstackSettings.safeParse({ ...plainSettings, metadata: { 'carrel.name': 'x' } }).success).toBe(false)
})

test('what the API gives holds no path and no secret, and is whole once the secret is put to it', () => {
  const { applicationCredentialSecret, ...open } = plainSettings
  expect(openstackApiSettings.safeParse(plainSettings).success).toBe(false)
  for (const path of ['cloudsFile', 'applicationCredentialSecretFile'])
    expect(openstackApiSettings.safeParse({ ...open, [path]: '/etc/x' }).success).toBe(false)
  const parsed = openstackApiSettings.parse(open)
  expect(openstackSettings.safeParse({ ...parsed, applicationCredentialSecret }).success).toBe(true)
})
