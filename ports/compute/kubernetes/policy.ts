import { isIP, isIPv6 } from 'node:net'
import type {
  V1NetworkPolicy,
  V1NetworkPolicyEgressRule,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
  V1NetworkPolicySpec,
} from '@kubernetes/client-node'
import { neverSite, privateNetworks } from '../egress-classes.ts'
import type { InstanceSpec } from '../provider.ts'
import { podSelector } from './around.ts'
import { labelsOf, objectName } from './names.ts'
import { liesWithin } from '../networks.ts'
import { ownedBy } from './owner.ts'
import type { AskedPeer, KubernetesSettings, Peer } from './settings.ts'
import type { Owner } from './shapes.ts'

/** As the cluster reads it: in the library's model `from` has another name. */
type Policy = Omit<V1NetworkPolicy, 'spec'> & {
  readonly spec: Omit<V1NetworkPolicySpec, 'ingress'> & {
    readonly ingress: readonly { readonly from: V1NetworkPolicyPeer[]; readonly ports: V1NetworkPolicyPort[] }[]
  }
}

/** Nobody comes in but Carrel, to the session's own ports; nothing goes out but what its class of egress allows. */
export function policyManifest(
  spec: InstanceSpec,
  namespace: string,
  owner: Owner,
  settings: KubernetesSettings,
): Policy {
  const { ports, report } = spec
  const listening = [
    ...ports.map((port) => ({ protocol: 'TCP', port })),
    ...(report === null ? [] : [{ protocol: 'TCP', port: report.ports.from, endPort: report.ports.to }]),
  ]
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: objectName(spec), namespace, labels: labelsOf(spec), ownerReferences: ownedBy(owner) },
    spec: {
      podSelector: { matchLabels: podSelector(spec) },
      policyTypes: ['Ingress', 'Egress'],
      // An empty list of ports would mean all of them.
      ingress: listening.length === 0 ? [] : [{ from: settings.reachableFrom.map(peerOf), ports: listening }],
      egress: [...egressOf(spec, settings), ...reportsOf(spec, settings)],
    },
  }
}

function egressOf({ egress }: InstanceSpec, settings: KubernetesSettings): V1NetworkPolicyEgressRule[] {
  switch (egress) {
    case 'none':
      return []
    case 'internet': {
      const outside = [...privateNetworks, ...settings.forbiddenNetworks]
      return [...nameService(settings), ...reaching(['0.0.0.0/0'], outside)]
    }
    case 'site': {
      const outside = [...neverSite, ...settings.forbiddenNetworks]
      return [...nameService(settings), ...reaching(settings.siteNetworks, outside)]
    }
    default:
      return egress satisfies never
  }
}

const nameService = ({ nameServers }: KubernetesSettings): V1NetworkPolicyEgressRule[] =>
  asking(nameServers, 53, ['UDP', 'TCP'])

/** A rule for each port at which some are asked: for nobody none, as one without peers would mean everybody. */
const asking = (
  peers: readonly AskedPeer[],
  usual: number,
  protocols: readonly string[],
): V1NetworkPolicyEgressRule[] =>
  [...Map.groupBy(peers, ({ port = usual }) => port)].map(([port, some]) => ({
    to: some.map(peerOf),
    ports: protocols.map((protocol) => ({ protocol, port })),
  }))

/** Whether it asks for names: to go out, or to find whoever takes its report. */
export const asksForNames = ({ egress, report }: InstanceSpec): boolean =>
  egress !== 'none' || (report !== null && isIP(hostOf(report.url)) === 0)

const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')

/** One that reports its ports reaches whoever takes the report, and finds it by name. */
function reportsOf(spec: InstanceSpec, settings: KubernetesSettings): V1NetworkPolicyEgressRule[] {
  const { report, egress } = spec
  if (report === null) return []
  const url = new URL(report.url)
  const host = hostOf(report.url)
  const itself = isIP(host) === 0 ? [] : [{ network: `${host}/${isIPv6(host) ? 128 : 32}` }]
  const port = Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port)
  const names = egress === 'none' && asksForNames(spec) ? nameService(settings) : []
  return [...names, ...asking([...settings.reportsTo, ...itself], port, ['TCP'])]
}

function peerOf(peer: Peer): V1NetworkPolicyPeer {
  if ('network' in peer) return network(peer.network, [])
  return {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': peer.namespace } },
    ...(Object.keys(peer.podLabels).length === 0 ? {} : { podSelector: { matchLabels: { ...peer.podLabels } } }),
  }
}

/** As of name servers: no peers, no rule. */
function reaching(networks: readonly string[], without: readonly string[]): V1NetworkPolicyEgressRule[] {
  const open = networks.filter((cidr) => !without.some((outer) => liesWithin(cidr, outer)))
  return open.length === 0 ? [] : [{ to: open.map((cidr) => network(cidr, without)) }]
}

/** The cluster takes exceptions only from within the network itself. */
const network = (cidr: string, without: readonly string[]): V1NetworkPolicyPeer => {
  const except = [...new Set(without.filter((inner) => liesWithin(inner, cidr)))]
  return { ipBlock: { cidr, ...(except.length === 0 ? {} : { except }) } }
}
