import { doorOrigin, parseDoorHost } from '../domain/doors.ts'
import type { DoorHost, DoorOrigins } from '../domain/doors.ts'
import { valuesOf } from './raw-headers.ts'

/** The door that a request is for, by its one `Host` header. */
export type Addressed =
  | {
      readonly kind: 'door'
      readonly host: DoorHost
      /** The door's own, as browsers say it. */ readonly origin: string
    }
  /** No `Host`, or more than one: who came before us may have read another one. */
  | { readonly kind: 'malformed' }
  /** A host name that is no door's. */
  | { readonly kind: 'elsewhere' }

/**
 * Finds the door in the headers as they arrived. The port in `Host` is not looked at: a reverse proxy before us may listen on any;
 * what browsers say about themselves is compared with the configured origin.
 */
export function addressedDoor(rawHeaders: readonly string[], origins: DoorOrigins): Addressed {
  const [host, ...more] = valuesOf(rawHeaders, 'host')
  if (host === undefined || more.length > 0) return { kind: 'malformed' }
  const door = parseDoorHost(host, origins.domain)
  return door === null ? { kind: 'elsewhere' } : { kind: 'door', host: door, origin: doorOrigin(origins, door) }
}
