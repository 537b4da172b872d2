import { expect, test } from 'vitest'
import { egressRules } from '../../../ports/compute/docker/egress-rules.ts'
import { namesOf } from '../../../ports/compute/docker/names.ts'
import { dockerSettings } from '../../../ports/compute/docker/settings.ts'
import { containerBody, isImageName, objection } from '../../../ports/compute/docker/spec.ts'
import { sshArguments } from '../../../ports/compute/docker/ssh.ts'
import type { InstanceSpec } from '../../../ports/compute/provider.ts'
import { freshDeployment, freshKey } from '../../conformance/compute-harness.ts'
import { plainSpec } from '../../setup/plain-spec.ts'

const spec: InstanceSpec = {
  ...freshKey(freshDeployment()),
  ...plainSpec,
  image: 'desk:1',
  command: ['serve', '--port', '8080'],
  environment: { GREETING: 'hello', CARREL_SECRET_FILE: '/etc/shadow' },
  secret: 'canary-77ab',
  resources: { sessions: 1, cpuMilli: 1500, memoryMib: 512, diskMib: 2048, gpus: 0 },
  user: { uid: 5001, gid: 100, gids: [200, 300] },
  capabilities: ['NET_BIND_SERVICE'],
  ports: [8080, 5901],
  mounts: [{ hostPath: '/data/run7', target: '/mnt/run7', mode: 'ro' }],
}
const settings = dockerSettings.parse({})
const body = (over: Partial<InstanceSpec> = {}, disk = true) =>
  containerBody({ ...spec, ...over }, namesOf(spec), settings, disk)

test('a session has its limits, no swap, no privileges, and ports on the configured address alone', () => {
  const names = namesOf(spec)
  expect(body()).toMatchObject({
    Image: 'desk:1',
    Cmd: ['serve', '--port', '8080'],
    User: '5001:100',
    Env: ['GREETING=hello', 'CARREL_SECRET_FILE=/run/carrel/secret'],
    HostConfig: {
      NanoCpus: 1_500_000_000,
      Memory: 536_870_912,
      MemorySwap: 536_870_912,
      PidsLimit: 2048,
      StorageOpt: { size: '2048M' },
      CapDrop: ['ALL'],
      CapAdd: ['NET_BIND_SERVICE'],
      SecurityOpt: ['no-new-privileges:true'],
      GroupAdd: ['200', '300'],
      NetworkMode: names.object,
      PortBindings: {
        '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
        '5901/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
      },
      Mounts: [{ Type: 'bind', Source: '/data/run7', Target: '/mnt/run7', ReadOnly: true }],
    },
  })
})

test('the secret is not in what the daemon keeps and shows', () => {
  expect(JSON.stringify(body())).not.toContain(spec.secret)
})

test('without a user the image decides, and without a limit on disks there is none', () => {
  expect(body({ user: null }, false)).not.toHaveProperty('User')
  expect(body({ user: null }, false)).not.toHaveProperty('HostConfig.StorageOpt')
})

test.each([
  ['root', { user: { uid: 0, gid: 0, gids: [] } }],
  ['a GPU', { resources: { ...spec.resources, gpus: 1 } }],
  ['no limit of CPU', { resources: { ...spec.resources, cpuMilli: 0 } }],
  ['no limit of memory', { resources: { ...spec.resources, memoryMib: 0 } }],
  [
    'ports that it would report',
    {
      report: {
        url: 'https://carrel.example.org/v1/instance-reports',
        token: 't',
        ports: { from: 20_000, to: 20_099 },
      },
    },
  ],
  ['site networks where there are none', { egress: 'site' }],
  ...['/', '/etc', '/etc/passwd', '/run', '/run/carrel', '/usr/lib', 'mnt', '/mnt/../etc', '/mnt/'].map(
    (target) => [`a mount at ${target}`, { mounts: [{ hostPath: '/data', target, mode: 'ro' }] }] as const,
  ),
] as readonly (readonly [string, Partial<InstanceSpec>])[])('%s is objected to', (_, over) => {
  expect(objection(spec, settings)).toBeNull()
  expect(objection({ ...spec, ...over }, settings)).not.toBeNull()
})

test('root is allowed for an image by its exact name', () => {
  const root = { ...spec, user: { uid: 0, gid: 0, gids: [] } }
  expect(objection(root, dockerSettings.parse({ allowRootImages: ['desk:1'] }))).toBeNull()
  expect(objection(root, dockerSettings.parse({ allowRootImages: ['desk'] }))).not.toBeNull()
})

test('only names of images reach a path of the daemon', () => {
  const good = [
    'debian',
    'debian:bookworm-slim',
    'registry.example:5000/team/desk:1.2',
    `desk@sha256:${'a'.repeat(64)}`,
  ]
  const bad = ['', '../containers/x', 'Desk', 'desk:', 'desk?x=1', 'desk/../x', 'desk json', '/desk', 'x'.repeat(600)]
  expect(good.filter(isImageName)).toEqual(good)
  expect(bad.filter(isImageName)).toEqual([])
})

test('rules are the same for the same policy, and others for another', () => {
  const policy = { publishAddress: '127.0.0.1', siteNetworks: ['10.1.0.0/16'], forbiddenNetworks: [] }
  expect(egressRules(policy)).toEqual(egressRules({ ...policy }))
  expect(egressRules(policy).policy).not.toBe(egressRules({ ...policy, siteNetworks: [] }).policy)
  expect(egressRules(policy).text).toContain('elements = { 10.1.0.0/16 }')
})

test('settings are closed, and every fault of them is told with its key', () => {
  const faults = (settingsOf: object) =>
    dockerSettings.safeParse(settingsOf).error?.issues.map((issue) => issue.path.join('.') || issue.code)
  expect(faults({ dockerHost: 'http://x', publishAddress: '0.0.0.0', pidsLimit: 1, exec: 'sh' })).toEqual([
    'dockerHost',
    'publishAddress',
    'pidsLimit',
    'unrecognized_keys',
  ])
  expect(faults({ dockerHost: 'tcp://192.0.2.1:2375' })).toEqual(['certPath'])
  expect(faults({ dockerHost: 'ssh://ada@192.0.2.1' })).toEqual(['sshHostKey'])
  expect(faults({ dockerHost: 'tcp://127.0.0.1:2375', siteNetworks: ['10.0.0.0/33'] })).toEqual(['siteNetworks.0'])
})

test('ssh accepts the pinned host key alone, and no word of the address becomes an option', () => {
  const sshHostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB'
  const parsed = dockerSettings.parse({ dockerHost: 'ssh://ada@docker.example:2222', sshHostKey })
  const words = sshArguments(new URL(parsed.dockerHost), parsed, '/run/known_hosts')
  expect(words).toContain('StrictHostKeyChecking=yes')
  expect(words).toContain('UserKnownHostsFile=/run/known_hosts')
  expect(words.slice(words.indexOf('-l'))).toEqual([
    '-l',
    'ada',
    '-p',
    '2222',
    '--',
    'docker.example',
    'docker',
    'system',
    'dial-stdio',
  ])
})
