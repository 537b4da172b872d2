import { takeNonce } from '../db/hawk-nonces.ts'
import { findHawkKey } from '../db/hawk-keys.ts'
import type { Bearer } from '../db/bearers.ts'
import type { TokenId } from '../domain/ids.ts'
import { hawkMac, hawkPayloadHash, isSame, parseHawk } from '../platform/hawk.ts'
import type { HawkHeader } from '../platform/hawk.ts'
import type { AppContext } from './env.ts'
import { incomingOf } from './incoming.ts'
import { Problem } from './problem.ts'

/** How requests are signed. */
export interface HawkDeps {
  /** As clients know the api, by the site's public address: behind a proxy that ends TLS a request says something else. */
  readonly host: string
  readonly port: number
  readonly seal: (id: TokenId, key: string) => Buffer
  readonly open: (id: TokenId, sealed: Uint8Array) => string
}

/** The host and the port that clients sign: those of the site's public address. */
export function hawkPlaceOf(publicUrl: string): Pick<HawkDeps, 'host' | 'port'> {
  const { hostname, port, protocol } = new URL(publicUrl)
  return { host: hostname, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }
}

const skewSeconds = 60
/** Beyond what is taken for its time: clocks of several processes, and the database's, are not quite the same. */
const clocksSeconds = 5

/** What an unknown key is held against, so that it takes as long as a known one. */
const nobodysKey = 'no key'.repeat(8)

/** One answer for whatever is wrong: who tries learns nothing from it. */
const unauthenticated = (): Problem =>
  new Problem('unauthenticated', 'The request is not signed as it must be.', {
    headers: { 'www-authenticate': 'Hawk' },
  })

export const isSigned = (c: AppContext): boolean => /^Hawk(\s|$)/i.test(c.req.header('authorization') ?? '')

/** Who signed the request, once, lately, and with this body. Throws 401. */
export async function signer(c: AppContext): Promise<Bearer> {
  const { db, hawk } = c.var.services
  const said = parseHawk(c.req.header('authorization') ?? '')
  const resource = resourceOf(c)
  if (said === null || resource === null) throw unauthenticated()
  const found = await findHawkKey(db, said.id)
  const key = found === null ? nobodysKey : hawk.open(found.bearer.tokenId, found.sealed)
  const mac = hawkMac(key, said, { method: c.req.method, resource, host: hawk.host, port: hawk.port })
  const now = Math.floor(Date.now() / 1_000)
  const ts = Number(said.ts)
  const holds = isSame(mac, said.mac) && Math.abs(now - ts) <= skewSeconds
  if (found === null || !holds || !(await isOfBody(c, said))) throw unauthenticated()
  // What is dated ahead is taken for longer, and so remembered for longer.
  const until = new Date((Math.max(now, ts) + skewSeconds + clocksSeconds) * 1_000)
  const once = { keyId: found.bearer.tokenId, ts, nonce: said.nonce, until }
  if (!(await takeNonce(db, once))) throw unauthenticated()
  return found.bearer
}

/** Path and query as they were sent: what is made of them for routing may be written otherwise. `null`: neither is there. */
function resourceOf(c: AppContext): string | null {
  const { pathname, search } = new URL(c.req.url)
  const sent = incomingOf(c)?.url ?? `${pathname}${search}`
  return sent.startsWith('/') ? sent : null
}

/** Whether the body is the one that was signed. Only a request without a body may leave it unsaid. */
async function isOfBody(c: AppContext, { hash }: HawkHeader): Promise<boolean> {
  // Kept by the request: whoever reads it next is given the same.
  const body = new Uint8Array(await c.req.arrayBuffer())
  if (hash === '') return body.length === 0
  return isSame(hawkPayloadHash(c.req.header('content-type') ?? '', body), hash)
}
