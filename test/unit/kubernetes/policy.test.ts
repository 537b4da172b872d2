import { expect, test } from 'vitest'
import { policyManifest } from '../../../ports/compute/kubernetes/policy.ts'
import type { InstanceSpec } from '../../../ports/compute/provider.ts'
import { deploymentId, owner, settingsWith, specWith } from './ground.ts'

const policyOf = (more: Partial<InstanceSpec> = {}, settings = {}) =>
  policyManifest(specWith(more), 'carrel-sessions', owner, settingsWith(settings)).spec
const outward = (more: Partial<InstanceSpec>, settings = {}) => policyOf(more, settings).egress ?? []
const names = expect.objectContaining({
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
})

test('nobody comes in but who is named, and only to the ports of the session', () => {
  const reachableFrom = [{ namespace: 'carrel-system', podLabels: { app: 'gateway' } }, { network: '192.0.2.0/24' }]
  const { ingress, podSelector, policyTypes } = policyOf({}, { reachableFrom })
  expect(policyTypes).toEqual(['Ingress', 'Egress'])
  expect(podSelector).toEqual({ matchLabels: { 'carrel.deployment': deploymentId, 'carrel.name': 'carrel-s1-1' } })
  expect(ingress).toEqual([
    {
      from: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'carrel-system' } },
          podSelector: { matchLabels: { app: 'gateway' } },
        },
        { ipBlock: { cidr: '192.0.2.0/24' } },
      ],
      ports: [{ protocol: 'TCP', port: 8080 }],
    },
  ])
  // A rule without ports would open them all.
  expect(policyOf({ ports: [] }).ingress).toEqual([])
})

test('without egress nothing goes out, not even for names', () => {
  expect(outward({ egress: 'none' })).toEqual([])
})

test('the internet is what is public: no private network, no metadata address, no control plane', () => {
  const [dns, rest] = outward({ egress: 'internet' }, { forbiddenNetworks: ['203.0.113.0/24'] })
  expect(dns).toEqual(names)
  expect(rest?.to?.[0]?.ipBlock?.cidr).toBe('0.0.0.0/0')
  expect(rest?.to?.[0]?.ipBlock?.except).toEqual(
    expect.arrayContaining(['10.0.0.0/8', '169.254.0.0/16', '203.0.113.0/24']),
  )
})

test.each(['internet', 'site'] as const)('with egress %s and no name servers nobody is asked for names', (egress) => {
  const rules = outward({ egress }, { nameServers: [], siteNetworks: ['10.1.0.0/16'] })
  expect(rules).toHaveLength(1)
  expect(rules.every(({ to = [] }) => to.length > 0)).toBe(true)
  expect(rules).not.toContainEqual(names)
})

test('a site is its networks without what is forbidden, and a network that is all forbidden is left out', () => {
  const siteNetworks = ['10.1.0.0/16', '10.9.9.0/24']
  const [, rest] = outward({ egress: 'site' }, { siteNetworks, forbiddenNetworks: ['10.1.2.0/24', '10.9.0.0/16'] })
  expect(rest?.to).toEqual([{ ipBlock: { cidr: '10.1.0.0/16', except: ['10.1.2.0/24'] } }])
  // A rule without peers would open everything.
  expect(outward({ egress: 'site' }, { siteNetworks, forbiddenNetworks: ['10.0.0.0/8'] })).toEqual([names])
})

test('one that reports its ports reaches who takes the report, and is reached in its range', () => {
  const report = { url: 'https://198.51.100.7:8443/r', token: 't', ports: { from: 9000, to: 9010 } }
  const { ingress, egress } = policyOf({ ports: [], report })
  expect(ingress[0]?.ports).toEqual([{ protocol: 'TCP', port: 9000, endPort: 9010 }])
  expect(egress).toEqual([{ to: [{ ipBlock: { cidr: '198.51.100.7/32' } }], ports: [{ protocol: 'TCP', port: 8443 }] }])
  const byName = { report: { ...report, url: 'https://carrel.example.org/r' } }
  expect(outward(byName, { reportsTo: [{ namespace: 'carrel-system' }] })).toEqual([
    names,
    expect.objectContaining({ ports: [{ protocol: 'TCP', port: 443 }] }),
  ])
})

test('behind a Service it is the port of the Pods that counts: where theirs is another, the settings say so', () => {
  const report = { url: 'https://carrel.example.org/r', token: 't', ports: { from: 9000, to: 9010 } }
  const settings = {
    nameServers: [{ namespace: 'openshift-dns', port: 5353 }],
    reportsTo: [{ namespace: 'carrel-system', podLabels: { app: 'api' }, port: 8080 }, { network: '192.0.2.0/24' }],
  }
  const ports = outward({ report }, settings).map((rule) => rule.ports?.map(({ port }) => port))
  expect(ports).toEqual([[5353, 5353], [8080], [443]])
})
