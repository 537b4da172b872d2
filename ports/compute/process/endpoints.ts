import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Whether an address lies in the networks where the provider's endpoints may be. Throws where a network is none. */
export function createNetworkCheck(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const family = familyOf(address)
    const bits = prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix)
    if (family === null || !Number.isInteger(bits)) throw new Error(`Not a network: ${network.slice(0, 100)}`)
    list.addSubnet(address, bits, family)
  }
  return (address) => {
    const family = familyOf(address)
    return family !== null && list.check(address, family)
  }
}

const familyOf = (address: string) => (isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : null)
