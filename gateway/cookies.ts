import { looksLikePass } from '../domain/doors.ts'
import { valuesOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** How the browser is to keep a door's pass. */
export interface CookieRule {
  readonly name: string
  readonly attributes: string
}

export interface CookieSetting {
  readonly scheme: 'http' | 'https'
  readonly domain: string
  /** Portals may show doors within themselves. */
  readonly embedded: boolean
}

const prefixed = '__Host-carrel_door'
const bare = 'carrel_door'
const mostCandidates = 5

/**
 * Always for one host name alone. Browsers that trust `localhost` keep `__Host-` and `Secure` there without TLS as well; on any
 * other plain name, which development alone has, there is no prefix.
 */
export function cookieRule({ scheme, domain, embedded }: CookieSetting): CookieRule {
  const trusted = scheme === 'https' || domain === 'localhost' || domain.endsWith('.localhost')
  if (!trusted) return { name: bare, attributes: 'Path=/; HttpOnly; SameSite=Lax' }
  const sameSite = embedded ? 'SameSite=None; Partitioned' : 'SameSite=Lax'
  return { name: prefixed, attributes: `Path=/; Secure; HttpOnly; ${sameSite}` }
}

/** The `Set-Cookie` that gives a browser its pass. */
export const passCookie = (rule: CookieRule, pass: string, maxAgeMs: number): string =>
  `${rule.name}=${pass}; Max-Age=${Math.max(0, Math.floor(maxAgeMs / 1_000))}; ${rule.attributes}`

/** The `Set-Cookie` that takes it away. */
export const clearedCookie = (rule: CookieRule): string => `${rule.name}=; Max-Age=0; ${rule.attributes}`

/**
 * Every pass that the cookies hold, at most five, each once. What a session's own page adds under the same name stands beside
 * the real one and must not hide it.
 */
export function passCandidates(raw: RawHeaders, rule: CookieRule): readonly string[] {
  const values = cookiePairs(raw)
    .filter(({ name, value }) => name === rule.name && looksLikePass(value))
    .map(({ value }) => value)
  return [...new Set(values)].slice(0, mostCandidates)
}

/** The cookies without Carrel's own: what a session may see. `null`: none is left. */
export function sessionCookies(raw: RawHeaders): string | null {
  const left = cookiePairs(raw).filter(({ name, value }) => !isReservedName(name || value))
  return left.length === 0 ? null : left.map(({ text }) => text).join('; ')
}

/**
 * A cookie that a session sets, as it may be set: for this host alone. `null`: it may not, for its name is Carrel's.
 * `embedded`: it is to come back also where a portal shows the door.
 */
export function sessionSetCookie(text: string, embedded: boolean): string | null {
  const [pair = '', ...attributes] = text.split(';')
  const at = pair.indexOf('=')
  const name = at < 0 ? '' : trimmed(pair.slice(0, at))
  // A cookie without a name is sent back as its value alone, which then reads like another cookie.
  if (name === '' || isReservedName(name)) return null
  const dropped = embedded ? new Set(['domain', 'samesite', 'secure', 'partitioned']) : new Set(['domain'])
  const kept = attributes.filter((attribute) => {
    const word = trimmed(attribute.split('=', 1).join('')).toLowerCase()
    return word !== '' && !dropped.has(word)
  })
  const added = embedded ? ['Secure', 'SameSite=None', 'Partitioned'] : []
  return [trimmed(pair), ...kept.map(trimmed), ...added].join('; ')
}

/** One cookie of a request; `text`: as it stood there. */
export interface CookiePair {
  readonly name: string
  readonly value: string
  readonly text: string
}

/** Browsers hold 180 for all doors together, some a few hundred. */
const mostCookies = 1_000

/** Whether a request has more cookies than any browser holds: to take them apart would cost more than they are worth. */
export function hasTooManyCookies(raw: RawHeaders): boolean {
  let count = 0
  for (const header of valuesOf(raw, 'cookie')) {
    count += 1
    for (let at = header.indexOf(';'); at >= 0 && count <= mostCookies; at = header.indexOf(';', at + 1)) count += 1
    if (count > mostCookies) return true
  }
  return false
}

/** The cookies of a request, one by one. */
export function cookiePairs(raw: RawHeaders): CookiePair[] {
  return valuesOf(raw, 'cookie')
    .flatMap((header) => header.split(';'))
    .map(trimmed)
    .filter((text) => text !== '')
    .map((text) => {
      const at = text.indexOf('=')
      return at < 0
        ? { name: '', value: text, text }
        : { name: trimmed(text.slice(0, at)), value: trimmed(text.slice(at + 1)), text }
    })
}

const trimmed = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, '')
/** A name that is Carrel's, and never a session's. */
export const isReservedName = (name: string): boolean => /^(__(host|secure)-)?carrel[_-]/i.test(name)
