import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isWithin, parseAddress, parseNetwork } from '../../platform/addresses.ts'
import type { Network } from '../../platform/addresses.ts'
import type { LinkEnds } from './guacd-link.ts'

/** What an operator says of the way from guacd to the gateway, where it is not the way from the gateway to guacd. */
export interface BridgeSettings {
  /** The gateway's own address, as guacd reaches it; `null`: that from which the gateway reaches guacd. */
  readonly host: string | null
  /** Networks that guacd comes from, beside the address at which it is reached. */
  readonly peers: readonly string[]
}

export interface BridgeLimits {
  /** guacd comes within this time, or nobody does: as long as it may take to its first picture, or a slow one finds nobody there. */
  readonly arrivalMs: number
  /** One side has ended: what is on its way to the other one gets so long. */
  readonly partingMs: number
}
export const bridgeLimits: BridgeLimits = { arrivalMs: 10_000, partingMs: 1_000 }

/** Where guacd finds a desk that it cannot reach itself. */
export interface Bridge {
  readonly host: string
  readonly port: number
  /** Ends both sides, and listens no more. Repeats are harmless. */
  close(): void
}

/**
 * Opens a way to a desk for one connection of guacd: a listener that takes one, from where guacd is, and is gone then, or when nobody
 * came in time. The desk is nobody else's from here on, and ends with the bridge. Rejects where it cannot listen.
 */
export async function openBridge(
  desk: Duplex,
  { near, far }: LinkEnds,
  { host, peers }: BridgeSettings,
  { arrivalMs, partingMs }: BridgeLimits = bridgeLimits,
): Promise<Bridge> {
  const networks = peers.map(parseNetwork)
  const ends: Duplex[] = [desk]
  let isClosed = false
  const close = () => {
    isClosed = true
    clearTimeout(arrival)
    server.close()
    for (const end of ends) end.destroy()
  }
  const part = () => void (isClosed || setTimeout(close, partingMs))
  // Somebody else is closed, and takes nothing away from guacd.
  const isExpected = ({ remoteAddress = '' }: Socket): boolean =>
    !isClosed && ends.length === 1 && comesFrom(remoteAddress, far, networks)
  const server = createServer({ noDelay: true, keepAlive: true }, (guest) => {
    guest.on('error', () => undefined)
    if (!isExpected(guest)) {
      guest.destroy()
      return
    }
    clearTimeout(arrival)
    server.close()
    ends.push(guest)
    guest.once('end', part).once('close', part)
    guest.pipe(desk)
    desk.pipe(guest)
  })
  const arrival = setTimeout(close, arrivalMs)
  desk.on('error', () => undefined)
  desk.once('end', part).once('close', part)
  try {
    return { ...(await listening(server, host ?? near)), close }
  } catch (error) {
    close()
    throw error
  }
}

/**
 * Whether somebody comes from where guacd is reached, or from one of the networks. A link-local address counts with its zone
 * (`fe80::1%eth0`): on another link it is somebody else's. Networks know no zones: whoever names one means each.
 */
export function comesFrom(address: string, far: string, networks: readonly Network[]): boolean {
  const [bare = '', zone = ''] = address.split('%')
  const from = parseAddress(bare)
  if (from === null) return false
  const [farBare = '', farZone = ''] = far.split('%')
  const isFar = from.toString() === parseAddress(farBare)?.toString() && zone === farZone
  return isFar || networks.some((network) => isWithin(from, network))
}

async function listening(server: Server, host: string): Promise<{ host: string; port: number }> {
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen({ host, port: 0 }, resolve)
  })
  // A server that listens on a port has an address of this kind.
  const { address, port } = server.address() as AddressInfo
  return { host: address, port }
}
