import { isIP } from 'node:net'
import { neverSite, privateNetworks } from '../egress-classes.ts'
import type { InstanceSpec } from '../provider.ts'
import { subtract } from './networks.ts'
import type { OpenstackSettings } from './settings.ts'
import type { GroupRule } from './shapes.ts'

/** One permission of a session's security group; what no rule permits does not pass. IPv6 has none. */
export interface Rule {
  readonly direction: 'ingress' | 'egress'
  readonly protocol: 'tcp' | 'udp' | null
  /** `null`: all ports. */
  readonly ports: { readonly from: number; readonly to: number } | null
  readonly network: string
}

type Nets = Pick<
  OpenstackSettings,
  'gatewayNetworks' | 'controlNetworks' | 'siteNetworks' | 'forbiddenNetworks' | 'resolvers' | 'egressGroups'
>

type Asked = Pick<InstanceSpec, 'ports' | 'report' | 'egress'>

/** In only from the gateway and to the session's own ports; out as its class says, and to where it reports. */
export function rulesOf(spec: Asked, nets: Nets): Rule[] {
  const doors = spec.report === null ? runs(spec.ports) : [spec.report.ports]
  const entries = nets.gatewayNetworks.flatMap((network) =>
    doors.map((ports): Rule => ({ direction: 'ingress', protocol: 'tcp', ports, network })),
  )
  return [...entries, ...exits(spec, nets), ...questions(spec, nets), ...reporting(spec, nets)]
}

/** The group that says what this class of egress reaches, in place of rules of the session's own. */
export const egressGroupOf = (
  { egress }: Pick<InstanceSpec, 'egress'>,
  { egressGroups }: Pick<Nets, 'egressGroups'>,
): string | null => (egress === 'none' ? null : (egressGroups[egress] ?? null))

function exits(spec: Asked, nets: Nets): Rule[] {
  const { egress } = spec
  const { siteNetworks, forbiddenNetworks } = nets
  if (egressGroupOf(spec, nets) !== null) return []
  const all = (networks: readonly string[]) =>
    networks.map((network): Rule => ({ direction: 'egress', protocol: null, ports: null, network }))
  switch (egress) {
    case 'none':
      return []
    case 'internet':
      return all(subtract(['0.0.0.0/0'], [...privateNetworks, ...forbiddenNetworks]))
    case 'site':
      return all(subtract(siteNetworks, [...neverSite, ...forbiddenNetworks]))
    default:
      return egress satisfies never
  }
}

/** Name servers are asked where rules of its own let it out, and where the place it reports to is a name. */
function questions(spec: Asked, nets: Nets): Rule[] {
  const { egress, report } = spec
  const goesOut = egress !== 'none' && egressGroupOf(spec, nets) === null
  if (!goesOut && (report === null || isIP(new URL(report.url).hostname) !== 0)) return []
  const ports = { from: 53, to: 53 }
  return nets.resolvers.flatMap((address) =>
    (['udp', 'tcp'] as const).map((protocol): Rule => ({
      direction: 'egress',
      protocol,
      ports,
      network: `${address}/32`,
    })),
  )
}

function reporting({ report }: Asked, { controlNetworks }: Nets): Rule[] {
  if (report === null) return []
  const { protocol, port } = new URL(report.url)
  const at = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  return controlNetworks.map((network) => ({
    direction: 'egress',
    protocol: 'tcp',
    ports: { from: at, to: at },
    network,
  }))
}

/** Neighbouring ports as one run: quotas count rules. */
function runs(ports: readonly number[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = []
  for (const port of [...new Set(ports)].sort((a, b) => a - b)) {
    const last = found.at(-1)
    if (last !== undefined && last.to + 1 === port) last.to = port
    else found.push({ from: port, to: port })
  }
  return found
}

/** What must be done to the rules that are there: what is missing, and which are too many. */
export function ruleChanges(
  wanted: readonly Rule[],
  present: readonly GroupRule[],
): { readonly missing: readonly Rule[]; readonly surplus: readonly string[] } {
  const keys = new Set(wanted.map(keyOfWanted))
  const there = new Map(present.map((rule) => [keyOfPresent(rule), rule.id]))
  return {
    missing: [...new Map(wanted.map((rule) => [keyOfWanted(rule), rule])).entries()].flatMap(([key, rule]) =>
      there.has(key) ? [] : [rule],
    ),
    surplus: present.filter((rule) => !keys.has(keyOfPresent(rule))).map(({ id }) => id),
  }
}

/** Networks by their first address, as Neutron may keep them. */
const clean = (network: string): string => subtract([network], [])[0] ?? network

const keyOfWanted = ({ direction, protocol, ports, network }: Rule): string =>
  [direction, 'IPv4', protocol ?? '', ports?.from ?? '', ports?.to ?? '', clean(network)].join(' ')

function keyOfPresent(rule: GroupRule): string {
  const everywhere = rule.ethertype === 'IPv4' && (rule.remote_group_id ?? null) === null ? '0.0.0.0/0' : 'elsewhere'
  const ports = [rule.port_range_min ?? '', rule.port_range_max ?? '']
  return [rule.direction, rule.ethertype, rule.protocol ?? '', ...ports, rule.remote_ip_prefix ?? everywhere].join(' ')
}

/** As `POST /v2.0/security-group-rules` takes it. */
export const ruleBody = (group: string, { direction, protocol, ports, network }: Rule): object => ({
  security_group_id: group,
  direction,
  ethertype: 'IPv4',
  ...(protocol === null ? {} : { protocol }),
  ...(ports === null ? {} : { port_range_min: ports.from, port_range_max: ports.to }),
  remote_ip_prefix: clean(network),
})
