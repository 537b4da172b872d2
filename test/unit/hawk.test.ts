import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hawkMac, hawkPayloadHash, isSame, parseHawk } from '../../platform/hawk.ts'
import { hawkPlaceOf } from '../../api/hawk.ts'

/** The examples of the Hawk specification's own README. */
const key = 'werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn'
const said = { ts: '1353832234', nonce: 'j4h3g2', ext: 'some-app-ext-data' }
const place = { resource: '/resource/1?b=1&a=2', host: 'example.com', port: 8_000 }

describe('the examples of the specification', () => {
  test('of a request without a body', () => {
    const mac = hawkMac(key, { ...said, hash: '' }, { ...place, method: 'GET' })
    expect(mac).toBe('6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=')
  })

  test('of a request with one', () => {
    const hash = hawkPayloadHash('text/plain', Buffer.from('Thank you for flying Hawk'))
    expect(hash).toBe('Yi9LfIIFRtBEPt74PVmbTF/xVAwPn7ub15ePICfgnuY=')
    const mac = hawkMac(key, { ...said, hash }, { ...place, method: 'POST' })
    expect(mac).toBe('aSe1DERmZuRl3pI36/9BdZmnErTw3sNzOOAUlfeKjVw=')
  })

  test('of a header', () => {
    const header =
      'Hawk id="dh37fgj492je", ts="1353832234", nonce="j4h3g2", ext="some-app-ext-data", mac="6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE="'
    expect(parseHawk(header)).toEqual({
      id: 'dh37fgj492je',
      ...said,
      hash: '',
      mac: '6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=',
    })
  })
})

/** Written from the specification by itself, with texts alone. */
function theirMac(of: Readonly<Record<string, string>>): string {
  let text = 'hawk.1.header\n'
  for (const name of ['ts', 'nonce', 'method', 'resource', 'host', 'port', 'hash', 'ext']) text += `${of[name]}\n`
  return createHmac('sha256', of['key'] ?? '')
    .update(text, 'utf8')
    .digest('base64')
}

const visible = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text))
const facts = fc.record({
  key: fc.string({ minLength: 1, maxLength: 64 }),
  ts: fc.nat().map((n) => String(n + 1)),
  nonce: visible,
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  resource: visible.map((text) => `/${text}`),
  host: fc.domain(),
  port: fc.integer({ min: 1, max: 65_535 }),
  hash: fc.constantFrom('', 'Yi9LfIIFRtBEPt74PVmbTF/xVAwPn7ub15ePICfgnuY='),
  ext: fc.oneof(fc.constant(''), visible),
})
type Facts = typeof facts extends fc.Arbitrary<infer F> ? F : never
const ours = ({ key: secret, ts, nonce, hash, ext, ...request }: Facts) =>
  hawkMac(secret, { ts, nonce, hash, ext }, request)

test('a mac is what another reading of the specification makes of it', () => {
  fc.assert(
    fc.property(facts, (one) => {
      expect(ours(one)).toBe(theirMac({ ...one, host: one.host.toLowerCase(), port: String(one.port) }))
    }),
  )
})

test('whatever differs, the mac differs', () => {
  const names = ['key', 'ts', 'nonce', 'method', 'resource', 'host', 'port', 'hash', 'ext'] as const
  fc.assert(
    fc.property(facts, facts, fc.constantFrom(...names), (one, other, name) => {
      const changed = { ...one, [name]: other[name] }
      fc.pre(String(changed[name]).toLowerCase() !== String(one[name]).toLowerCase())
      expect(ours(changed)).not.toBe(ours(one))
    }),
  )
})

test('a hash of a body is over its media type without parameters, and its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const bodied = Buffer.concat([Buffer.from('hawk.1.payload\napplication/json\n'), bytes, Buffer.from('\n')])
      const theirs = createHash('sha256').update(bodied).digest('base64')
      expect(hawkPayloadHash('Application/JSON ; charset=utf-8', bytes)).toBe(theirs)
    }),
  )
})

test('a header is read back as it was written', () => {
  fc.assert(
    fc.property(facts, (one) => {
      const { ts, nonce, hash, ext } = one
      const header = { id: 'k0abc', ts: ts.slice(0, 11), nonce, hash, ext, mac: ours(one) }
      const list = Object.entries(header).map(([name, value]) => `${name}="${value}"`)
      const shown = list.filter((each) => !each.endsWith('=""')).join(', ')
      expect(parseHawk(`Hawk ${shown}`)).toEqual(header)
    }),
  )
})

const mac = `mac="${'A'.repeat(43)}="`
test.each([
  '',
  'Hawk',
  'Bearer x',
  `Hawk id="k1", ts="1", ${mac}`,
  `Hawk id="k1", ts="1", nonce="n"`,
  `Hawk id="k1", id="k2", ts="1", nonce="n", ${mac}`,
  `Hawk id="k1", ts="1", nonce="n", app="x", ${mac}`,
  `Hawk id="k1", ts="1", nonce="n", constructor="x", ${mac}`,
  `Hawk id="k1", ts="01", nonce="n", ${mac}`,
  `Hawk id="k1", ts="1e3", nonce="n", ${mac}`,
  `Hawk id="k1", ts="1", nonce="", ${mac}`,
  `Hawk id="k1", ts="1", nonce="n\\"", ${mac}`,
  `Hawk id="k1", ts="1", nonce="n", ext="a\nb", ${mac}`,
  `Hawk id="k1", ts="1", nonce="n", ext="${'e'.repeat(257)}", ${mac}`,
  `Hawk id="k1", ts="1", nonce="n", mac="short"`,
  `Hawk id="k1" ts="1" nonce="n" ${mac}`,
  `Hawk id="k1", ts="1", nonce="n", ${mac}, `,
])('a header that is not as it must be is none: %j', (header) => {
  expect(parseHawk(header)).toBeNull()
})

test('two texts are the same, or not, whatever their lengths', () => {
  expect(isSame('abc', 'abc')).toBe(true)
  expect(isSame('abc', 'abcd')).toBe(false)
})

test.each([
  ['https://carrel.example.org', 'carrel.example.org', 443],
  ['http://127.0.0.1:8080', '127.0.0.1', 8_080],
  ['http://carrel.example.org', 'carrel.example.org', 80],
])('of %s the host and the port are signed', (url, host, port) => {
  expect(hawkPlaceOf(url)).toEqual({ host, port })
})
