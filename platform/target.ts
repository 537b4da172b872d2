import { lookup } from 'node:dns/promises'
import { mayBeReached, parseAddress, parseNetwork } from './addresses.ts'
import { within } from './within.ts'

/** Where to connect: a checked address, never a name that somebody could answer differently the next time. */
export type Target =
  | { readonly kind: 'address'; readonly host: string; readonly port: number }
  /** The instance says no address now, or its name has none. */
  | { readonly kind: 'unreachable' }
  /** Its address is not where its provider's endpoints lie. */
  | { readonly kind: 'forbidden' }

/** Where an instance says that it answers, and where its provider's endpoints lie. */
export interface Place {
  readonly endpoint: { readonly host: string; readonly port: number } | null
  readonly networks: readonly string[]
}

export type Resolve = (name: string) => Promise<readonly string[]>

const resolveMs = 2_000

/** Every address of a name, as this machine resolves it, within 2 s. */
export const resolveName: Resolve = async (name) => {
  try {
    const found = await within(resolveMs, lookup(name, { all: true, verbatim: true }))
    return found.map(({ address }) => address)
  } catch {
    return []
  }
}

/** Decides where the endpoint of a door is, anew for each connection. */
export async function targetOf({ endpoint, networks }: Place, resolve: Resolve = resolveName): Promise<Target> {
  if (endpoint === null) return { kind: 'unreachable' }
  const given = parseAddress(endpoint.host)
  const texts = given === null ? await resolve(endpoint.host) : [endpoint.host]
  const addresses = texts.map(parseAddress).filter((address) => address !== null)
  if (addresses.length === 0) return { kind: 'unreachable' }
  const allowed = networks.map(parseNetwork)
  const chosen = addresses.find((address) => mayBeReached(address, allowed))
  return chosen === undefined
    ? { kind: 'forbidden' }
    : { kind: 'address', host: chosen.toString(), port: endpoint.port }
}
