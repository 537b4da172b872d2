import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { addressList } from '../networks.ts'
import type { SlurmSettings } from './settings.ts'

export type Located = { readonly host: string } | { readonly why: string }
/** Where a node is reached, by Slurm's name for it: an address in the provider's networks. */
export type Locate = (node: string) => Promise<Located>
export type Resolve = (name: string) => Promise<readonly string[]>

const keptMs = 60_000
const lookupMs = 5_000
const mostKept = 10_000
const nodeName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$/

const resolveByDns: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address)

export function createLocate(
  { nodeAddresses, nodeDomain }: Pick<SlurmSettings, 'nodeAddresses' | 'nodeDomain'>,
  networks: readonly string[],
  resolve: Resolve = resolveByDns,
): Locate {
  const isInside = addressList(networks)
  const kept = new Map<string, { readonly located: Located; readonly until: number }>()

  async function addressesOf(node: string): Promise<readonly string[]> {
    const mapped = Object.hasOwn(nodeAddresses, node) ? nodeAddresses[node] : undefined
    if (mapped !== undefined) return [mapped]
    if (isIP(node) !== 0) return [node]
    const name = nodeDomain === undefined ? node : `${node}.${nodeDomain}`
    // The system's resolver knows no deadline.
    const over = new Promise<readonly string[]>((done) => setTimeout(done, lookupMs, []).unref())
    return await Promise.race([resolve(name).catch(() => []), over])
  }

  return async (node) => {
    if (!nodeName.test(node)) return { why: 'the name of its node is not understood' }
    const known = kept.get(node)
    if (known !== undefined && Date.now() < known.until) return known.located
    const addresses = await addressesOf(node)
    const host = addresses.find(isInside)
    if (addresses.length === 0) return { why: `no address is known of the node ${node}` }
    const located = host === undefined ? { why: "an endpoint outside the provider's networks" } : { host }
    if (kept.size >= mostKept) kept.clear()
    kept.set(node, { located, until: Date.now() + keptMs })
    return located
  }
}
