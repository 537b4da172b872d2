import { isWithin, parseAddress, parseNetwork } from './addresses.ts'
import type { Network } from './addresses.ts'

const unknown = 'unknown'

/**
 * Goes back through the hops of `X-Forwarded-For`, in their order, as long as whoever wrote it is one of the trusted proxies.
 * Without such proxies the caller is who connected.
 */
export function callers(
  trustedProxies: readonly string[],
): (peer: string | undefined, hops: readonly string[]) => string {
  const networks: readonly Network[] = trustedProxies.map(parseNetwork)
  const isTrusted = (text: string): boolean => {
    const address = parseAddress(text)
    return address !== null && networks.some((network) => isWithin(address, network))
  }
  return (peer, hops) => {
    let caller = peer === undefined ? unknown : plain(peer)
    if (networks.length === 0) return caller
    for (const hop of hops.toReversed()) {
      if (!isTrusted(caller) || parseAddress(hop) === null) break
      caller = plain(hop)
    }
    return caller
  }
}

const plain = (text: string) => parseAddress(text)?.toString() ?? unknown
