import { isWithin, parseAddress, parseNetwork } from '../platform/addresses.ts'
import type { Network } from '../platform/addresses.ts'
import { membersOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** Says who calls. */
export type ClientAddress = (peer: string | undefined, raw: RawHeaders) => string

const unknown = 'unknown'

/**
 * Goes back through `X-Forwarded-For` as long as whoever wrote it is one of the trusted proxies. Without such proxies the
 * caller is who connected.
 */
export function clientAddresses(trustedProxies: readonly string[]): ClientAddress {
  const networks: readonly Network[] = trustedProxies.map(parseNetwork)
  const isTrusted = (text: string): boolean => {
    const address = parseAddress(text)
    return address !== null && networks.some((network) => isWithin(address, network))
  }
  return (peer, raw) => {
    let caller = peer === undefined ? unknown : plain(peer)
    if (networks.length === 0) return caller
    for (const hop of membersOf(raw, 'x-forwarded-for').toReversed()) {
      if (!isTrusted(caller) || parseAddress(hop) === null) break
      caller = plain(hop)
    }
    return caller
  }
}

const plain = (text: string) => parseAddress(text)?.toString() ?? unknown
