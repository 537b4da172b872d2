import { BlockList, isIP, isIPv6 } from 'node:net'
import { z } from 'zod'

/** An IPv4 network in CIDR notation. */
export const cidr = z.string().refine(isNetwork, 'an IPv4 network, as 10.1.0.0/16')

function isNetwork(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/')
  return isIP(address) === 4 && /^\d{1,2}$/.test(prefix) && Number(prefix) <= 32 && rest.length === 0
}

/** Whether the host of a URL is this machine: what is said to it leaves nothing. */
export const isThisMachine = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))

/** Whether an address lies in one of the networks (IPv4 or IPv6 CIDRs). Throws on a network that is none. */
export function addressList(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const { address, bits } = parts(network)
    list.addSubnet(address, bits, familyOf(address))
  }
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address))
}

/** Whether the first network is the second, or a part of it. */
export function liesWithin(inner: string, outer: string): boolean {
  const [small, large] = [parts(inner), parts(outer)]
  return small.bits >= large.bits && addressList([outer])(small.address)
}

const parts = (network: string) => {
  const [address = '', bits = ''] = network.split('/')
  // No number is no 0, which would be every address.
  return { address, bits: Number.parseInt(bits, 10) }
}
const familyOf = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4')
