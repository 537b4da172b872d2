import { isReserved } from '../domain/doors.ts'

/** What a request target asks for. */
export type Asked =
  /** The session's: `target` is passed on as it is. */
  | { readonly kind: 'session'; readonly target: string }
  /** Carrel's own, as it is written, without the query. */
  | { readonly kind: 'carrel'; readonly path: string }
  /** Not the path of an address as any browser sends it. */
  | { readonly kind: 'malformed' }

const longestTarget = 16_384

/**
 * Reads a request target. Browsers resolve dot segments before they send; a target that has some is meant for a server that
 * reads it otherwise than the one before it.
 */
export function askedOf(target: string): Asked {
  if (!target.startsWith('/') || target.length > longestTarget || /[#\\]/.test(target)) return { kind: 'malformed' }
  const [path = ''] = target.split('?', 1)
  if (path.split('/').some(isDotSegment)) return { kind: 'malformed' }
  return isReserved(path) ? { kind: 'carrel', path } : { kind: 'session', target }
}

const isDotSegment = (segment: string) => /^(\.|%2e){1,2}(;.*)?$/i.test(segment)
