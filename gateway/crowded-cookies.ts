import type { DoorOrigins } from '../domain/doors.ts'
import { cookiePairs, hasTooManyCookies, isReservedName } from './cookies.ts'
import type { CookiePair, CookieRule } from './cookies.ts'
import { looksLikePass } from '../domain/doors.ts'
import { addressedDoor } from './host.ts'
import { headersOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** Of so many bytes of cookies most servers still read the line; the strictest of the usual ones end at 8 KiB. */
export const mostCookieBytes = 8_000
/** Proxies read an answer's headers into few KiB, and the session's own are to fit there, too. */
const forgettingBytes = 2_000
/** More than anybody sets who means no harm. */
const floodBytes = 65_536
const deepestPath = 6
const mostAbove = 2

/** A request that had more cookies than its session could read. */
export interface Relieved {
  /** Its headers, with what cookies fit. */
  readonly raw: RawHeaders
  /** For the answer: makes the browser forget some of the others. Name, value, name, value. */
  readonly forgetting: readonly string[]
}

/** `null`: it has no more cookies than fit, or more than any browser, and is to be refused. */
export type Relieve = (target: string, raw: RawHeaders) => Relieved | null

/**
 * Whoever runs a page in one session can set cookies that all doors get, as many as the browser holds. What does not fit is left
 * out, the longest first, and passes never; so that nobody is locked out, whether or not the browser forgets any.
 */
export function createRelieve(rule: CookieRule, origins: DoorOrigins, random: () => number = Math.random): Relieve {
  const kinds = rule.attributes.includes('Secure')
    ? ['; Secure; SameSite=None', '; Secure; SameSite=None; Partitioned']
    : ['']
  const forgetting = ({ names, kept, isFlood }: Crowd, target: string, host: string): readonly string[] => {
    // What was set for this host alone is the session's own, and one of its name was passed on.
    const isSpared = (name: string, domain: string | null) => kept.has(name) && (domain === null || domain === host)
    // What lies above may be of people who know nothing of sessions.
    const domains = [null, host, origins.domain, ...(isFlood ? domainsAbove(origins.domain) : [])]
    // So a page would do it that means all doors; the other half of the room is for however else.
    const likely = { names, paths: ['/'], domains: [origins.domain], kinds: kinds.slice(0, 1), isSpared }
    const all = { names, paths: pathsOf(target), domains, kinds, isSpared }
    return [...someOf(likely, random, forgettingBytes / 2), ...someOf(all, random, forgettingBytes / 2)]
  }
  return (target, raw) => {
    if (hasTooManyCookies(raw)) return null
    const pairs = cookiePairs(raw)
    const bytes = bytesOf(pairs)
    if (bytes <= mostCookieBytes) return null
    const kept = fitting(pairs, rule)
    const addressed = addressedDoor(raw, origins)
    const gone = new Set(pairs.filter((pair) => !kept.has(pair) && pair.name !== rule.name).map(({ name }) => name))
    // One without a name may read like any other.
    gone.add('')
    const left = pairs.filter((pair) => kept.has(pair))
    const crowd = { names: [...gone], kept: new Set(left.map(({ name }) => name)), isFlood: bytes > floodBytes }
    return {
      raw: [
        ...[...headersOf(raw)].filter(([name]) => name.toLowerCase() !== 'cookie').flat(),
        ...(left.length === 0 ? [] : ['Cookie', left.map(({ text }) => text).join('; ')]),
      ],
      forgetting: addressed.kind === 'door' ? forgetting(crowd, target, addressed.host.name) : [],
    }
  }
}

/** What did not fit, and what did, by their names. */
interface Crowd {
  readonly names: readonly string[]
  readonly kept: ReadonlySet<string>
  readonly isFlood: boolean
}

const separatorBytes = 2
const bytesOf = (pairs: readonly CookiePair[]) => pairs.reduce((sum, { text }) => sum + text.length + separatorBytes, 0)

function fitting(pairs: readonly CookiePair[], rule: CookieRule): ReadonlySet<CookiePair> {
  const isPass = ({ name, value }: CookiePair) => name === rule.name && looksLikePass(value)
  const kept = new Set(pairs.filter(isPass))
  let room = mostCookieBytes
  const others = pairs.filter(({ name, value }) => !isReservedName(name || value))
  for (const pair of others.toSorted((one, other) => one.text.length - other.text.length)) {
    room -= pair.text.length + separatorBytes
    if (room < 0) break
    kept.add(pair)
  }
  return kept
}

/** As a cookie may have been set: nobody is told how one was. */
interface Planted {
  readonly names: readonly string[]
  readonly paths: readonly string[]
  readonly domains: readonly (string | null)[]
  /** What else tells one cookie from another of its name. */
  readonly kinds: readonly string[]
  isSpared(name: string, domain: string | null): boolean
}

/** As many as fit into so many bytes, from a place among all of them that is another one each time. */
function someOf({ names, paths, domains, kinds, isSpared }: Planted, random: () => number, bytes: number): string[] {
  const count = names.length * domains.length * kinds.length * paths.length
  const first = Math.floor(random() * count)
  const headers: string[] = []
  let room = bytes
  for (let step = 0; step < Math.min(count, bytes); step++) {
    let at = (first + step) % count
    const take = <T>(from: readonly T[]): T | undefined => {
      const one = from[at % from.length]
      at = Math.floor(at / from.length)
      return one
    }
    const [name = '', domain = null, kind = '', path = '/'] = [take(names), take(domains), take(kinds), take(paths)]
    if (isSpared(name, domain)) continue
    // Without a name and a value it would be no cookie.
    const pair = name === '' ? '=gone' : `${name}=`
    const scope = domain === null ? '' : `; Domain=${domain}`
    const value = `${pair}; Max-Age=0; Path=${path}${scope}${kind}`
    // A long name leaves room for others; it does no harm where it is.
    if (value.length > room) continue
    room -= value.length
    headers.push('Set-Cookie', value)
  }
  return headers
}

/** Every folder that the target lies in, as cookies may name it. */
function pathsOf(target: string): readonly string[] {
  const [path = ''] = target.split('?', 1)
  const paths = ['/']
  let folder = ''
  for (const segment of path.split('/').slice(1, 1 + deepestPath)) {
    folder += `/${segment}`
    paths.push(folder, `${folder}/`)
  }
  return [...new Set(paths)].filter((one) => /^\/[\x21-\x3a\x3c-\x7e]*$/.test(one))
}

/** The domains above for which pages of the sessions domain may set cookies, too. */
function domainsAbove(domain: string): readonly string[] {
  const labels = domain.split('.').slice(1)
  const above = labels.map((_label, at) => labels.slice(at)).filter((rest) => rest.length > 1)
  return above.slice(0, mostAbove).map((rest) => rest.join('.'))
}
