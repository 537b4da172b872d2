import { lookup } from 'node:dns/promises'
import { mayBeReached, parseAddress, parseNetwork } from './addresses.ts'
import { isOwnService } from './own-listeners.ts'
import type { OwnService } from './own-listeners.ts'
import { within } from './within.ts'

/** Where to connect: a checked address, never a name that somebody could answer differently the next time. */
export type Target =
  | {
      readonly kind: 'address'
      readonly host: string
      readonly port: number
      /** Spoken to in TLS alone, and only where this certificate is shown. */
      readonly fingerprint?: string
    }
  /** The instance says no address now, or its name has none. */
  | { readonly kind: 'unreachable' }
  /** Its address is not where its provider's endpoints lie, or one of Carrel's own services is there. */
  | { readonly kind: 'forbidden' }

/** Where an instance says that it answers, and where its provider's endpoints lie. */
export interface Place {
  readonly endpoint: { readonly host: string; readonly port: number; readonly fingerprint?: string } | null
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

/** Decides where the endpoint of a door is, anew for each connection. `own`: Carrel's own services, which no endpoint is. */
export async function targetOf(
  { endpoint, networks }: Place,
  resolve: Resolve = resolveName,
  own: readonly OwnService[] = [],
): Promise<Target> {
  if (endpoint === null) return { kind: 'unreachable' }
  const { host: place, ...rest } = endpoint
  const given = parseAddress(place)
  const texts = given === null ? await resolve(place) : [place]
  const addresses = texts.map(parseAddress).filter((address) => address !== null)
  if (addresses.length === 0) return { kind: 'unreachable' }
  const allowed = networks.map(parseNetwork)
  const host = addresses.find((address) => mayBeReached(address, allowed))?.toString()
  if (host === undefined || (await isOwnService({ host, port: rest.port }, own, resolve))) return { kind: 'forbidden' }
  return { kind: 'address', host, ...rest }
}

/** The same, as it is handed on to whoever asks for a place. */
export const locator =
  (own: readonly OwnService[], resolve: Resolve = resolveName): ((place: Place) => Promise<Target>) =>
  async (place) =>
    await targetOf(place, resolve, own)
