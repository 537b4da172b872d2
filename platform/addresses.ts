import ipaddr from 'ipaddr.js'
import { specialNetworks } from '../domain/special-networks.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6
export type Network = readonly [Address, number]

const special: readonly Network[] = specialNetworks.map((text) => ipaddr.parseCIDR(text))

/** An address as it is compared: one of IPv4 within IPv6 is of IPv4. `null`: it is none, or written as none should be. */
export function parseAddress(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  if (text.includes('%') || !ipaddr.IPv6.isValid(text)) return null
  return ipaddr.process(text)
}

/**
 * What limits of a caller's address count by: an address of IPv4, and of IPv6 the network of 64 bits, all of which one caller has.
 * What is no address stays as it is.
 */
export function callerKey(text: string): string {
  const address = parseAddress(text)
  if (!(address instanceof ipaddr.IPv6)) return address?.toString() ?? text
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/64`).toString()}/64`
}

/** Whether a text is a network such as 10.1.0.0/16. */
export const isNetwork = (text: string): boolean => /^[0-9a-fA-F.:]+\/\d{1,3}$/.test(text) && ipaddr.isValidCIDR(text)

const mostKnown = 1_000
const known = new Map<string, Network>()

/** The same few networks are asked about at every request. @throws Error where the text is no network */
export function parseNetwork(text: string): Network {
  const before = known.get(text)
  if (before !== undefined) return before
  const [address, bits] = ipaddr.parseCIDR(text)
  const network: Network =
    address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96
      ? [address.toIPv4Address(), bits - 96]
      : [address, bits]
  if (known.size >= mostKnown) known.clear()
  known.set(text, network)
  return network
}

export const isWithin = (address: Address, [base, bits]: Network): boolean =>
  address.kind() === base.kind() && address.match(base, bits)

/**
 * Whether an endpoint may lie at an address: in one of the networks of its provider. One of the special places must be
 * named by a network that lies within that place: `0.0.0.0/0` names none of them.
 */
export function mayBeReached(address: Address, networks: readonly Network[]): boolean {
  const place = special.find((network) => isWithin(address, network))
  return networks.some(
    (network) =>
      isWithin(address, network) && (place === undefined || (network[1] >= place[1] && isWithin(network[0], place))),
  )
}

/**
 * Whether everything in a network lies within those that are allowed. One of the special places must be named by an allowed network
 * that lies within that place.
 */
export function isAllowedNetwork(text: string, allowed: readonly Network[]): boolean {
  const [base, bits] = parseNetwork(text)
  const place = special.find((network) => network[1] <= bits && isWithin(base, network))
  return allowed.some(
    (network) =>
      network[1] <= bits &&
      isWithin(base, network) &&
      (place === undefined || (network[1] >= place[1] && isWithin(network[0], place))),
  )
}
