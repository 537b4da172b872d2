import { hasTooManyCookies, sessionCookies } from './cookies.ts'
import { hopByHop, looseName } from './hop-by-hop.ts'
import { headersOf, membersOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** What the session is told beside what its user's browser says. */
export interface Onward {
  /** The name that the browser asked for, with its port where it is not the scheme's own. */
  readonly authority: string
  readonly scheme: 'http' | 'https'
  readonly clientAddress: string
  /** The header by which the session knows its door, filled in; `null`: it wants none. */
  readonly secret: { readonly header: string; readonly value: string } | null
}

/** Set anew by us, or never passed on: else anybody could say them. */
const ours = (name: string): boolean =>
  name === 'host' ||
  name === 'cookie' ||
  name === 'content-length' ||
  name === 'expect' ||
  name === 'forwarded' ||
  name === 'via' ||
  name === 'x-real-ip' ||
  name === 'x-client-ip' ||
  name === 'x-original-url' ||
  name === 'x-rewrite-url' ||
  name.startsWith('x-forwarded') ||
  name.startsWith('x-carrel-') ||
  name.startsWith('carrel-')

/**
 * The headers that a session gets of a request: what the browser said, without what is Carrel's or this connection's. Framing
 * (`Content-Length`, `Transfer-Encoding`, `Upgrade`) is added by whoever sends the body.
 */
export function requestHeaders(raw: RawHeaders, onward: Onward): string[] {
  const dropped = hopByHop(raw)
  const secretName = onward.secret === null ? null : looseName(onward.secret.header)
  // Only chunks are followed by trailers; announced elsewhere, they are refused by the library.
  const hasTrailers = framingOf(raw).kind === 'chunked'
  const passed = [...headersOf(raw)].filter(([name]) => {
    const loose = looseName(name)
    if (loose === 'trailer' && !hasTrailers) return false
    return !dropped.has(name.toLowerCase()) && !dropped.has(loose) && !ours(loose) && loose !== secretName
  })
  const cookies = sessionCookies(raw)
  return [
    ['Host', onward.authority],
    ...passed,
    ...(cookies === null ? [] : [['Cookie', cookies]]),
    ...(onward.secret === null ? [] : [[onward.secret.header, onward.secret.value]]),
    ['X-Forwarded-For', onward.clientAddress],
    ['X-Forwarded-Host', onward.authority],
    ['X-Forwarded-Proto', onward.scheme],
    ...(membersOf(raw, 'te').includes('trailers') ? [['TE', 'trailers']] : []),
  ].flat()
}

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: string }
  | { readonly kind: 'chunked' }
  /** A body that is coded for the way in a manner that we would have to undo. */
  | { readonly kind: 'unsupported' }

/** How long the body of a message is. The parser has refused what says it twice. */
export function framingOf(raw: RawHeaders): Framing {
  const codings = membersOf(raw, 'transfer-encoding')
  if (codings.length > 0) return { kind: codings.join() === 'chunked' ? 'chunked' : 'unsupported' }
  const [length] = membersOf(raw, 'content-length')
  return length === undefined ? { kind: 'none' } : { kind: 'length', length }
}

const mostHeaders = 200
const mostBytes = 65_536

/** Whether a request has more or longer headers than any browser sends. How long cookies are that others planted is no fault of its user. */
export function tooMuch(raw: RawHeaders): boolean {
  let [count, bytes] = [0, 0]
  for (const [name, value] of headersOf(raw)) {
    if (name.toLowerCase() === 'cookie') continue
    count += 1
    bytes += name.length + value.length
  }
  return count > mostHeaders || bytes > mostBytes || hasTooManyCookies(raw)
}
