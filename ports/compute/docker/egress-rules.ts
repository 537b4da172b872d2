import type { Egress } from '../../../domain/template.ts'
import { neverSite, privateNetworks } from '../egress-classes.ts'
import { bridgePrefix, hash } from './names.ts'
import type { DockerSettings } from './settings.ts'

/** What the rules are made of. Providers that agree on it share one table, also across deployments. */
export type EgressPolicy = Pick<DockerSettings, 'publishAddress' | 'siteNetworks' | 'forbiddenNetworks'>

export interface EgressRules {
  /** 10 hex digits that stand for the rules; bridges carry the first five in their names. */
  readonly policy: string
  readonly table: string
  /** For `nft -f`: replaces the table as a whole, in one transaction. */
  readonly text: string
}

/**
 * The rules of all sessions on one daemon's machine, by the names of their bridges, so that none is added per session.
 * A session may answer whoever came in by a published port, ask the name servers where it may go out at all, and
 * begin connections as its class says; it never reaches the machine itself, what is published there, or another session.
 */
export function egressRules(policy: EgressPolicy): EgressRules {
  const digest = hash(rules('policy', 'table', policy)).slice(0, 10)
  const table = `carrel_${digest}`
  return { policy: digest, table, text: rules(digest, table, policy) }
}

function rules(policy: string, table: string, { publishAddress, siteNetworks, forbiddenNetworks }: EgressPolicy) {
  const bridge = (egress: Egress) => `"${bridgePrefix(egress, policy)}*"`
  const all = [bridge('none'), bridge('internet'), bridge('site')]
  return `
table inet ${table} {}
delete table inet ${table}
table inet ${table} {
${addressSet('private', privateNetworks)}
${addressSet('never_site', neverSite)}
${addressSet('site', siteNetworks)}
${addressSet('forbidden', forbiddenNetworks)}
  set nameservers { type ipv4_addr; }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }
  chain name_service {
    ip daddr @nameservers udp dport 53 accept
    ip daddr @nameservers tcp dport 53 accept
  }
  chain from_none {
    goto refuse
  }
  chain from_internet {
    jump name_service
    ip daddr @forbidden goto refuse
    ip daddr @private goto refuse
  }
  chain from_site {
    jump name_service
    ip daddr @forbidden goto refuse
    ip daddr @never_site goto refuse
    ip daddr != @site goto refuse
  }
  chain going_out {
    ct state established,related accept
    meta nfproto ipv6 goto refuse
    ct status dnat goto refuse
${all.map((to) => `    oifname ${to} goto refuse`).join('\n')}
    iifname ${bridge('none')} goto from_none
    iifname ${bridge('internet')} goto from_internet
    iifname ${bridge('site')} goto from_site
  }
  chain to_host {
    ct state established,related accept
    iifname ${bridge('internet')} jump name_service
    iifname ${bridge('site')} jump name_service
    goto refuse
  }
  chain coming_in {
    ct state established,related accept
    ct original ip daddr ${publishAddress} accept
    goto refuse
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
${all.map((from) => `    iifname ${from} goto going_out`).join('\n')}
${all.map((to) => `    oifname ${to} goto coming_in`).join('\n')}
  }
  chain input {
    type filter hook input priority -10; policy accept;
${all.map((from) => `    iifname ${from} goto to_host`).join('\n')}
  }
}
`
}

function addressSet(name: string, networks: readonly string[]): string {
  const elements = networks.length === 0 ? '' : ` elements = { ${networks.join(', ')} };`
  return `  set ${name} { type ipv4_addr; flags interval; auto-merge;${elements} }`
}
