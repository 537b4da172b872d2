import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** What an `Authorization: Hawk …` says. */
export interface HawkHeader {
  readonly id: string
  /** Seconds since the epoch, as they were sent: a whole number. */
  readonly ts: string
  readonly nonce: string
  /** Of the body; empty: it says nothing of it. */
  readonly hash: string
  readonly ext: string
  readonly mac: string
}

/** What of a request the mac is over, beside what the header says. */
export interface HawkRequest {
  readonly method: string
  /** Path and query, as they were sent. */
  readonly resource: string
  /** As clients know the server: behind a proxy it is not what the request says. */
  readonly host: string
  readonly port: number
}

const patterns: Readonly<Record<keyof HawkHeader, RegExp>> = {
  id: /^[A-Za-z0-9]{2,64}$/,
  ts: /^[1-9][0-9]{0,10}$/,
  nonce: /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/,
  hash: /^[A-Za-z0-9+/]{43}=$/,
  ext: /^[\x20\x21\x23-\x5b\x5d-\x7e]{0,256}$/,
  mac: /^[A-Za-z0-9+/]{43}=$/,
}
const isAttribute = (name: string): name is keyof HawkHeader => Object.hasOwn(patterns, name)

/** Reads the header, each attribute once and none that is not known. `null`: it is not as it must be. */
export function parseHawk(authorization: string): HawkHeader | null {
  const [, list] = /^Hawk +(.*?) *$/i.exec(authorization) ?? []
  if (list === undefined || list.length > 2_000) return null
  const found: { -readonly [Name in keyof HawkHeader]?: string } = {}
  let read = 0
  for (const [part, name = '', value = ''] of list.matchAll(/([a-z]+)="([^"\\]*)"(?: *, *(?=[a-z])|$)/gy)) {
    if (!isAttribute(name) || found[name] !== undefined || !patterns[name].test(value)) return null
    found[name] = value
    read += part.length
  }
  if (read < list.length) return null
  const { id, ts, nonce, hash = '', ext = '', mac } = found
  if (id === undefined || ts === undefined || nonce === undefined || mac === undefined) return null
  return { id, ts, nonce, hash, ext, mac }
}

/** The mac of a request, base64: of everything in the header but the id and itself. */
export function hawkMac(key: string, said: Omit<HawkHeader, 'id' | 'mac'>, request: HawkRequest): string {
  const { method, resource, host, port } = request
  const lines = ['hawk.1.header', said.ts, said.nonce, method.toUpperCase(), resource, host.toLowerCase()]
  return createHmac('sha256', key)
    .update([...lines, port, said.hash, said.ext, ''].join('\n'))
    .digest('base64')
}

/** The hash of a body, base64, with its media type: parameters of that are left out. */
export function hawkPayloadHash(contentType: string, body: Uint8Array): string {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  return createHash('sha256').update(`hawk.1.payload\n${type}\n`).update(body).update('\n').digest('base64')
}

/** Compares in a time that says nothing of where they differ. */
export function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}
