import { callers } from '../platform/client-address.ts'
import { membersOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** Says who calls. */
export type ClientAddress = (peer: string | undefined, raw: RawHeaders) => string

/** The caller, as far as proxies that are trusted say who it is. */
export function clientAddresses(trustedProxies: readonly string[]): ClientAddress {
  const callerOf = callers(trustedProxies)
  return (peer, raw) => callerOf(peer, membersOf(raw, 'x-forwarded-for'))
}
