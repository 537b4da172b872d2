import { valueOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** What a browser says about where a request comes from. */
export interface Arrival {
  readonly method: string
  /** It wants to become a WebSocket. */
  readonly upgrade: boolean
  readonly origin: string | undefined
  readonly fetchSite: string | undefined
  readonly fetchMode: string | undefined
  readonly fetchDest: string | undefined
}

export const arrivalOf = (method: string, upgrade: boolean, raw: RawHeaders): Arrival => ({
  method,
  upgrade,
  origin: valueOf(raw, 'origin'),
  fetchSite: valueOf(raw, 'sec-fetch-site'),
  fetchMode: valueOf(raw, 'sec-fetch-mode'),
  fetchDest: valueOf(raw, 'sec-fetch-dest'),
})

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
const navigating = new Set(['GET', 'HEAD'])

/**
 * Whether a door's cookie counts on this request. All sessions are one site to a browser, so that `SameSite` protects none from
 * another: what counts is what the browser says about the page that asks. `own`: the door's origin; `embedded`: portals
 * may show doors within themselves.
 */
export function mayCarryPass(arrival: Arrival, own: string, embedded: boolean): boolean {
  const { method, upgrade, origin, fetchSite, fetchMode, fetchDest } = arrival
  if (upgrade) return origin === own
  if (fetchSite === 'same-origin' || fetchSite === 'none') return true
  const isDocument = fetchDest === 'document' || (embedded && fetchDest === 'iframe')
  if (navigating.has(method) && fetchMode === 'navigate' && isDocument) return true
  if (origin !== undefined) return origin === own
  // Programs that are no browsers, and browsers of before: what they ask for changes nothing.
  return fetchSite === undefined && safeMethods.has(method)
}
