import { sessionSetCookie } from './cookies.ts'
import { hopByHop, looseName } from './hop-by-hop.ts'
import { browserLocation } from './location.ts'
import type { Whereabouts } from './location.ts'
import { headersOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** What an answer of a session is seen through. */
export interface Backward extends Whereabouts {
  /** Origins of portals that may show doors within themselves. */
  readonly frameAncestors: readonly string[]
  /** What makes the browser forget cookies that did not fit. Name, value, name, value. */
  readonly forgetting?: readonly string[]
}

/**
 * What a session may not say to a browser, for it would speak for others: for the whole sessions domain, for Carrel's paths on
 * the same host, or to the reverse proxy before us.
 */
const unsaid = (name: string): boolean =>
  name === 'clear-site-data' ||
  name === 'alt-svc' ||
  name === 'strict-transport-security' ||
  name === 'service-worker-allowed' ||
  name === 'nel' ||
  name === 'x-sendfile' ||
  name === 'x-reproxy-url' ||
  name === 'x-lighttpd-send-file' ||
  name.startsWith('x-accel-') ||
  name.startsWith('x-carrel-')

/** The headers that a browser gets of a session's answer. Framing is added by whoever sends the body. */
export function responseHeaders(raw: RawHeaders, back: Backward): string[] {
  const dropped = hopByHop(raw)
  const passed = [...headersOf(raw)].flatMap(([name, value]): (readonly [string, string])[] => {
    const loose = looseName(name)
    if (dropped.has(name.toLowerCase()) || unsaid(loose) || loose === 'content-length') return []
    if (loose === 'set-cookie') {
      const cookie = sessionSetCookie(value, back.frameAncestors.length > 0)
      return cookie === null || back.isTold(cookie) ? [] : [[name, cookie]]
    }
    if (loose === 'location') return [[name, browserLocation(value, back)]]
    return back.isTold(value) ? [] : [[name, value]]
  })
  // Before the session's own: what it sets just now stays set.
  return [...(back.forgetting ?? []), ...[...passed, ...frameHeaders(back.frameAncestors)].flat()]
}

/** A policy beside the session's own: browsers keep both. */
const frameHeaders = (frameAncestors: readonly string[]): (readonly [string, string])[] =>
  frameAncestors.length === 0 ? [] : [['Content-Security-Policy', `frame-ancestors 'self' ${frameAncestors.join(' ')}`]]

const aboutTheBody = /^(content-(length|encoding|type|range)|set-cookie|location|host|cookie|authorization|trailer)$/

/** The trailers that may be passed on: nothing about framing, addresses or cookies, for that was said and checked before. */
export function trailersOf(raw: RawHeaders): [name: string, value: string][] {
  const dropped = hopByHop([])
  return [...headersOf(raw)].flatMap(([name, value]): [string, string][] => {
    const loose = looseName(name)
    return !dropped.has(loose) && !unsaid(loose) && !aboutTheBody.test(loose) ? [[name, value]] : []
  })
}

/** A text may go into a header: no line can end in it. */
export const isHeaderText = (text: string): boolean => /^[\t\x20-\x7e\x80-\xff]*$/.test(text)
