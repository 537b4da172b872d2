import { expect, test } from 'vitest'
import { chosenPorts, guestFiles, guestPaths } from '../../../ports/compute/openstack/guest.ts'
import { subtract } from '../../../ports/compute/openstack/networks.ts'
import { ruleChanges, rulesOf } from '../../../ports/compute/openstack/rules.ts'
import { objection, serverBody } from '../../../ports/compute/openstack/server.ts'
import { partsOf, userDataOf } from '../../../ports/compute/openstack/user-data.ts'
import { settingsOf, specOf } from './specs.ts'

const report = {
  url: 'https://carrel.example.org/v1/instance-reports',
  token: 'one-time-token',
  ports: { from: 20_000, to: 20_999 },
}
const parts = { flavorId: 'f1', portId: 'p1', disk: { imageId: 'i1' }, address: 'fixed', userData: 'QQ==' } as const

test('a server is asked for with its port, its marks, and no secret outside its user data', () => {
  const spec = specOf({
    terms: { openstack: { flavors: { small: 'm1.small' }, keyName: 'desk', availabilityZone: 'az1' } },
  })
  const body = serverBody(spec, parts, settingsOf({ metadata: { cost: 'physics' } }))
  expect(body).toEqual({
    server: {
      name: spec.name,
      flavorRef: 'f1',
      imageRef: 'i1',
      networks: [{ port: 'p1' }],
      metadata: {
        cost: 'physics',
        'carrel.deployment': spec.deploymentId,
        'carrel.name': spec.name,
        'carrel.session': spec.sessionId,
        'carrel.generation': '1',
        'carrel.ports': '8080',
        'carrel.address': 'fixed',
      },
      tags: [`carrel.deployment=${spec.deploymentId}`, `carrel.name=${spec.name}`],
      user_data: 'QQ==',
      config_drive: true,
      key_name: 'desk',
      availability_zone: 'az1',
    },
  })
  for (const tag of (body as { server: { tags: string[] } }).server.tags) expect(tag.length).toBeLessThanOrEqual(60)
})

test('one that boots from a volume names the volume and no image', () => {
  const body = serverBody(specOf(), { ...parts, disk: { volumeId: 'v1' } }, settingsOf())
  expect(body).not.toHaveProperty('server.imageRef')
  expect(body).toHaveProperty('server.block_device_mapping_v2', [
    { boot_index: 0, uuid: 'v1', source_type: 'volume', destination_type: 'volume', delete_on_termination: false },
  ])
})

test('what the driver cannot do is an objection to the template', () => {
  expect(objection(specOf(), settingsOf())).toBeNull()
  const many = Array.from({ length: 43 }, (_, index) => 20_000 + index)
  for (const spec of [specOf({ ports: many.slice(1) }), specOf({ ports: many, report })])
    expect(objection(spec, settingsOf())).toBeNull()
  const unfit = [
    specOf({ terms: {} }),
    specOf({ size: 'other' }),
    specOf({ egress: 'site' }),
    specOf({ ports: many }),
    specOf({ mounts: [{ hostPath: '/data', target: '/mnt', mode: 'ro' }] }),
  ]
  for (const spec of unfit) expect(objection(spec, settingsOf())?.code).toBe('template_unfit')
})

test('without egress there is only the way in, from the gateway to its own ports', () => {
  expect(rulesOf(specOf({ ports: [8080, 8081, 5901] }), settingsOf())).toEqual([
    { direction: 'ingress', protocol: 'tcp', ports: { from: 5901, to: 5901 }, network: '192.0.2.10/32' },
    { direction: 'ingress', protocol: 'tcp', ports: { from: 8080, to: 8081 }, network: '192.0.2.10/32' },
  ])
})

test('the internet is everything but private networks, the metadata address and what is forbidden', () => {
  const networks = rulesOf(specOf({ egress: 'internet' }), settingsOf({ forbiddenNetworks: ['192.0.2.0/24'] }))
    .filter(({ direction }) => direction === 'egress')
    .map(({ network }) => network)
  const list = subtract(networks, [])
  const reaches = (address: string) => subtract([`${address}/32`], list).length === 0
  for (const open of ['1.1.1.1', '9.255.255.255', '11.0.0.0', '172.32.0.1', '223.255.255.255', '192.0.3.1'])
    expect([open, reaches(open)]).toEqual([open, true])
  for (const shut of [
    '10.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '127.0.0.1',
    '192.0.2.10',
    '224.0.0.1',
  ])
    expect([shut, reaches(shut)]).toEqual([shut, false])
})

test('where a group is named for a class of egress the session has no rules of its own for it', () => {
  const settings = settingsOf({ egressGroups: { internet: 'out' }, resolvers: ['10.1.1.1'] })
  expect(rulesOf(specOf({ egress: 'internet' }), settings).map(({ direction }) => direction)).toEqual(['ingress'])
  expect(rulesOf(specOf({ egress: 'internet' }), settingsOf()).length).toBeGreaterThan(50)
})

test('a site is its networks without link-local, with the resolvers, and the place it reports to', () => {
  const settings = settingsOf({
    siteNetworks: ['10.9.0.0/16'],
    resolvers: ['10.1.1.1'],
    controlNetworks: ['10.2.0.0/28'],
  })
  const out = rulesOf(specOf({ egress: 'site', report }), settings).filter(({ direction }) => direction === 'egress')
  expect(out.map(({ protocol, ports, network }) => `${protocol} ${ports?.from} ${network}`)).toEqual([
    'null undefined 10.9.0.0/16',
    'udp 53 10.1.1.1/32',
    'tcp 53 10.1.1.1/32',
    'tcp 443 10.2.0.0/28',
  ])
})

test('without egress name servers are asked only where the place to report to is a name', () => {
  const settings = settingsOf({
    resolvers: ['10.1.1.1'],
    controlNetworks: ['10.2.0.0/28'],
    egressGroups: { site: 'out' },
  })
  const out = (host: string, egress: 'none' | 'site') =>
    rulesOf(specOf({ egress, report: { ...report, url: `https://${host}/v1/instance-reports` } }), settings)
      .filter(({ direction }) => direction === 'egress')
      .map(({ network }) => network)
  expect(out('10.2.0.4', 'none')).toEqual(['10.2.0.0/28'])
  for (const egress of ['none', 'site'] as const)
    expect(out('carrel.example.org', egress)).toEqual(['10.1.1.1/32', '10.1.1.1/32', '10.2.0.0/28'])
})

test('of the rules that Neutron begins a group with none stays that is not wanted', () => {
  const wanted = rulesOf(specOf(), settingsOf())
  const begun = ['IPv4', 'IPv6'].map((ethertype) => ({ id: ethertype, direction: 'egress', ethertype }))
  expect(ruleChanges(wanted, begun)).toEqual({ missing: wanted, surplus: ['IPv4', 'IPv6'] })
  const there = {
    id: 'r1',
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    port_range_min: 8080,
    port_range_max: 8080,
    remote_ip_prefix: '192.0.2.10/32',
  }
  expect(ruleChanges(wanted, [there])).toEqual({ missing: [], surplus: [] })
})

test('cloud-init gets the secret as a file, and the template’s words with the command that reports', () => {
  const userData = '#cloud-config\nruncmd:\n  - [{report}, 8080=20005]\n'
  const spec = specOf({ report, environment: { A: 'a "b" $c' }, terms: { openstack: { flavors: {}, userData } } })
  const [template, files, ...rest] = partsOf(spec)
  const { write_files } = JSON.parse(files?.content.replace('#cloud-config\n', '') ?? '') as {
    write_files: { path: string; content: string; permissions: string }[]
  }
  const text = (path: string) =>
    Buffer.from(write_files.find((f) => f.path === path)?.content ?? '', 'base64').toString()
  expect(text(guestPaths.secret)).toBe(spec.secret)
  expect(text(guestPaths.token)).toBe(report.token)
  expect(text(guestPaths.environment)).toContain('A="a \\"b\\" \\$c"\n')
  expect(text(guestPaths.environment)).toContain('CARREL_REPORT_PORTS="20000-20999"')
  expect(text(guestPaths.environment)).not.toContain(report.token)
  expect(write_files.find((f) => f.path === guestPaths.secret)?.permissions).toBe('0400')
  expect(template?.content).toContain('- [/etc/carrel/report, 8080=20005]')
  expect(rest.map(({ name }) => name)).toEqual(['10-own.sh'])
})

test('a template that does not report itself is reported when all else was begun', () => {
  const spec = specOf({ report, command: ['serve', '100%', '$HOME'], user: { uid: 1000, gid: 100, gids: [5] } })
  const [files, owners, begin] = partsOf(spec)
  // cloud-init runs what `runcmd` says as one more script, called so, in the order of names.
  expect(begin && 'runcmd' < begin.name).toBe(true)
  expect(owners?.content).toContain(
    'chown 1000:100 /etc/carrel/secret /etc/carrel/environment /etc/carrel/report-token',
  )
  expect(begin?.content).toMatch(/systemctl enable --now carrel-session.service\n\/etc\/carrel\/report\n/)
  const unit = guestFiles(spec).find(({ path }) => path === guestPaths.unit)?.content
  expect(unit).toContain('User=1000\nGroup=100\nSupplementaryGroups=5\nExecStart="serve" "100%%" "$$HOME"\n')
  expect(files?.content).toContain(guestPaths.unit)
})

test.each([
  '#cloud-config\nmerge_how: dict(replace)+list()+str()\nwrite_files: []\n',
  '#cloud-config\n{"write_files": []}\n',
  '\n#cloud-config\nwrite_files: []\n',
  '#cloud-config-archive\n- "#!/bin/sh"\n',
  '#!/bin/sh\n',
])('whatever a template’s words are they stay as they are, and the session’s files come after them: %j', (userData) => {
  const [template, files] = partsOf(specOf({ terms: { openstack: { flavors: {}, userData } } }))
  expect(template).toEqual({ type: 'text/plain', name: '50-template', content: userData })
  expect(files?.content).toMatch(/^#cloud-config\n\{"merge_how":\[\{"name":"list","settings":\["append"\]\}/)
})

test('ports that do not lie in the range are counted from its beginning', () => {
  expect(chosenPorts([20_001, 20_002], report.ports)).toEqual({ 20001: 20_001, 20002: 20_002 })
  expect(chosenPorts([8080, 5901], report.ports)).toEqual({ 8080: 20_000, 5901: 20_001 })
})

test('user data that Nova would not take is known before it is asked', () => {
  const long = specOf({ terms: { openstack: { flavors: {}, userData: `#!/bin/sh\n${'x'.repeat(60_000)}` } } })
  expect(userDataOf(long)).toBeNull()
  expect(userDataOf(specOf())).toMatch(/^[A-Za-z0-9+/=]+$/)
})
