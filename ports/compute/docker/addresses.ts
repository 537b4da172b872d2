import { BlockList, isIP } from 'node:net'
import { z } from 'zod'

/** An IPv4 network in CIDR notation. */
export const cidr = z.string().refine(isNetwork, 'an IPv4 network, as 10.1.0.0/16')

function isNetwork(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/')
  return isIP(address) === 4 && /^\d{1,2}$/.test(prefix) && Number(prefix) <= 32 && rest.length === 0
}

/** Whether an address lies in one of the networks (IPv4 or IPv6 CIDRs). Throws on a network that is none. */
export function addressList(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix = ''] = network.split('/')
    list.addSubnet(address, Number(prefix), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/** The `index`-th network of `size` bits in the pool, counted around its end: `subnet('10.0.0.0/16', 29, 1)` is 10.0.0.8/29. */
export function subnet(pool: string, prefix: number, index: number): string {
  const [address = '', poolPrefix = ''] = pool.split('/')
  const base = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
  const hosts = 2 ** (32 - prefix)
  const networks = Math.max(1, 2 ** (32 - Number(poolPrefix)) / hosts)
  const first = Math.floor(base / 2 ** (32 - Number(poolPrefix))) * 2 ** (32 - Number(poolPrefix))
  const start = first + (index % networks) * hosts
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${prefix}`
}
