import { lookup as resolve } from 'node:dns'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import { specialNetworks } from '../../domain/special-networks.ts'
import { addressList, liesWithin } from './networks.ts'

/** Where the backend of a provider may lie. Of one that configuration made: anywhere. */
export interface BackendReach {
  /** Whether a host may be connected to: an address by itself, a name once `lookup` has found its addresses. */
  allows(host: string): boolean
  /** Finds only addresses that may be connected to. Nobody asks it for a host that is an address already: ask `allows`. */
  readonly lookup: LookupFunction
}

/** The backend, or where it leads to, lies outside the networks that the deployment allows. */
export class BackendOutside extends Error {
  override readonly name = 'BackendOutside'
  readonly code = 'EBACKENDOUTSIDE'
  constructor() {
    super('the address lies outside the networks that backends may be in')
  }
}

/**
 * `null`: anywhere. A special place (this machine, its link, a cloud's metadata) must be named by a network that lies within it:
 * `0.0.0.0/0` names none of them.
 */
export function createBackendReach(networks: readonly string[] | null): BackendReach {
  const isInside = networks === null ? () => true : within(networks)
  return {
    allows(host) {
      const bare = host.replace(/^\[(.*)\]$/, '$1')
      return isIP(bare) === 0 || isInside(bare)
    },
    lookup(hostname, options, callback) {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        if (error !== null) return callback(error, '', 0)
        const inside = found.filter(({ address }) => isInside(address))
        const [first] = inside
        if (first === undefined) return callback(new BackendOutside(), '', 0)
        if (options.all === true) return callback(null, inside)
        callback(null, first.address, first.family)
      })
    },
  }
}

/** How undici's `Agent` connects (its `connect`): nowhere but where the reach allows. */
export function connectWithin(
  reach: BackendReach,
  options: buildConnector.BuildOptions = {},
): buildConnector.connector {
  const connect = buildConnector({ ...options, lookup: reach.lookup })
  return (target, callback) => {
    if (!reach.allows(target.hostname)) return callback(new BackendOutside(), null)
    connect(target, callback)
  }
}

function within(networks: readonly string[]): (address: string) => boolean {
  const isSpecial = addressList(specialNetworks)
  const isIn = addressList(networks)
  const isNamed = addressList(networks.filter((network) => specialNetworks.some((place) => liesWithin(network, place))))
  return (address) => (isSpecial(address) ? isNamed : isIn)(address)
}
