import { networkInterfaces } from 'node:os'
import { parseAddress } from './addresses.ts'

/** Where one of Carrel's own services listens, by name or address. */
export interface OwnService {
  readonly host: string
  readonly port: number
}

const usualPorts: Readonly<Record<string, number>> = {
  'postgres:': 5432,
  'postgresql:': 5432,
  'http:': 80,
  'https:': 443,
}

/** Of what configuration says: URLs, and `host:port`. What is not set is left out. */
export function ownServices(places: readonly (string | null | undefined)[]): readonly OwnService[] {
  return places.flatMap((place) => {
    if (place === null || place === undefined || place === '') return []
    const url = new URL(place.includes('://') ? place : `tcp://${place}`)
    const port = url.port === '' ? usualPorts[url.protocol] : Number(url.port)
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    return port === undefined || port === 0 || host === '' ? [] : [{ host, port }]
  })
}

/** `host:port` of a listener. */
export const listenerAt = (host: string, port: number | null): string | null =>
  port === null ? null : `${host.includes(':') ? `[${host}]` : host}:${port}`

/**
 * Whether one of them listens at an address and port: no session is there. Names are resolved only where the port is the same, which
 * it hardly ever is.
 */
export async function isOwnService(
  at: { readonly host: string; readonly port: number },
  services: readonly OwnService[],
  resolve: (name: string) => Promise<readonly string[]>,
): Promise<boolean> {
  for (const { host, port } of services) {
    if (port !== at.port) continue
    if ((await addressesOf(host, resolve)).some((address) => isSame(address, at.host))) return true
  }
  return false
}

async function addressesOf(
  host: string,
  resolve: (name: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (parseAddress(host) === null) return await resolve(host)
  // Who listens everywhere listens at each address of this machine.
  return host === '0.0.0.0' || host === '::' ? ownAddresses() : [host]
}

const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))

const isSame = (one: string, other: string): boolean =>
  parseAddress(one)?.toString() === parseAddress(other)?.toString()
