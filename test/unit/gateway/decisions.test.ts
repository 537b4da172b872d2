import { expect, test } from 'vitest'
import { mayCarryPass } from '../../../gateway/admit.ts'
import type { Arrival } from '../../../gateway/admit.ts'
import {
  clearedCookie,
  cookieRule,
  passCandidates,
  passCookie,
  sessionCookies,
  sessionSetCookie,
} from '../../../gateway/cookies.ts'
import { addressedDoor } from '../../../gateway/host.ts'
import { browserLocation, internalAuthorities, secretFinder } from '../../../gateway/location.ts'
import { askedOf } from '../../../gateway/paths.ts'
import { responseHeaders } from '../../../gateway/response-headers.ts'

const own = 'https://s1abc-web.sessions.example.net'
const foreign = 'https://s1xyz-web.sessions.example.net'
const arrival = (more: Partial<Arrival>): Arrival => ({
  method: 'GET',
  upgrade: false,
  origin: undefined,
  fetchSite: undefined,
  fetchMode: undefined,
  fetchDest: undefined,
  ...more,
})
const navigation = { fetchSite: 'cross-site', fetchMode: 'navigate' }

test.each<[string, Partial<Arrival>, boolean, boolean]>([
  ['the door’s own page fetches', { fetchSite: 'same-origin', fetchMode: 'cors' }, true, true],
  [
    'the door’s own page posts without a referrer',
    { method: 'POST', fetchSite: 'same-origin', origin: 'null' },
    true,
    true,
  ],
  ['somebody types the address', { fetchSite: 'none', fetchMode: 'navigate', fetchDest: 'document' }, true, true],
  ['a portal links to it', { ...navigation, fetchDest: 'document' }, true, true],
  ['a portal frames it', { ...navigation, fetchDest: 'iframe' }, false, true],
  ['another page embeds it', { ...navigation, fetchDest: 'embed' }, false, false],
  [
    'another session posts a form',
    { ...navigation, method: 'POST', fetchDest: 'document', origin: foreign },
    false,
    false,
  ],
  ['another session fetches', { fetchSite: 'same-site', fetchMode: 'cors', origin: foreign }, false, false],
  [
    'another session loads a script',
    { fetchSite: 'same-site', fetchMode: 'no-cors', fetchDest: 'script' },
    false,
    false,
  ],
  ['an old browser fetches from the door', { method: 'POST', origin: own }, true, true],
  ['an old browser posts from elsewhere', { method: 'POST', origin: foreign }, false, false],
  ['an opaque origin', { method: 'POST', origin: 'null' }, false, false],
  ['an origin that only begins like ours', { method: 'POST', origin: `${own}.evil.example` }, false, false],
  ['the right name on another port', { method: 'POST', origin: `${own}:8443` }, false, false],
  ['the right name without TLS', { method: 'POST', origin: own.replace('https', 'http') }, false, false],
  ['two origins', { method: 'POST', origin: `${own}, ${own}` }, false, false],
  ['a program reads', {}, true, true],
  ['a program reads headers', { method: 'HEAD' }, true, true],
  ['a program writes', { method: 'POST' }, false, false],
  ['a program deletes', { method: 'DELETE' }, false, false],
  ['a safe method from elsewhere', { origin: foreign }, false, false],
  ['a socket of the door’s own page', { upgrade: true, origin: own }, true, true],
  ['a socket that says nothing', { upgrade: true }, false, false],
  ['a socket of another session', { upgrade: true, origin: foreign }, false, false],
  ['a socket that says same-origin but not from where', { upgrade: true, fetchSite: 'same-origin' }, false, false],
  ['a value that nobody knows', { fetchSite: 'same-origin, same-origin' }, false, false],
])('%s', (_name, more, plain, embedded) => {
  expect([mayCarryPass(arrival(more), own, false), mayCarryPass(arrival(more), own, true)]).toEqual([plain, embedded])
})

test('the cookie is of one host alone, and as strict as its browser can keep it', () => {
  const rule = (scheme: 'http' | 'https', domain: string, embedded = false) => cookieRule({ scheme, domain, embedded })
  expect(passCookie(rule('https', 'sessions.example.net'), 'cp_x', 61_500)).toBe(
    '__Host-carrel_door=cp_x; Max-Age=61; Path=/; Secure; HttpOnly; SameSite=Lax',
  )
  expect(rule('http', 'localhost').name).toBe('__Host-carrel_door')
  expect(rule('https', 'sessions.example.net', true).attributes).toBe(
    'Path=/; Secure; HttpOnly; SameSite=None; Partitioned',
  )
  expect(clearedCookie(rule('http', 'sessions.test'))).toBe('carrel_door=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax')
  expect(passCookie(rule('https', 'x.test'), 'cp_x', -5)).toContain('Max-Age=0;')
})

test('five passes are tried at most, each once, and nothing that does not look like one', () => {
  const pass = (letter: string) => `cp_${letter.repeat(43)}`
  const rule = cookieRule({ scheme: 'https', domain: 'x.test', embedded: false })
  const header = 'AABCDEFG'
    .split('')
    .map((letter) => `${rule.name}=${pass(letter)}`)
    .join(';  ')
  const raw = ['Cookie', `${rule.name}=junk; other=${pass('Z')}`, 'COOKIE', header]
  expect(passCandidates(raw, rule)).toEqual('ABCDE'.split('').map(pass))
})

test('a session sees its own cookies and none of Carrel’s', () => {
  const raw = [
    'Cookie',
    'a=1; __Host-carrel_door=x; carrel_door=y; __Secure-carrel-z=1; b="2; c',
    'Cookie',
    '__host-CARREL_door',
  ]
  expect(sessionCookies(raw)).toBe('a=1; b="2; c')
  expect(sessionCookies(['Cookie', '__Host-carrel_door=x'])).toBeNull()
})

test.each([
  ['a=1', 'a=1', 'a=1; Secure; SameSite=None; Partitioned'],
  ['a=1; Domain=example.net; Path=/x', 'a=1; Path=/x', 'a=1; Path=/x; Secure; SameSite=None; Partitioned'],
  ['a=1;DOMAIN\t= x;domain=y; HttpOnly', 'a=1; HttpOnly', 'a=1; HttpOnly; Secure; SameSite=None; Partitioned'],
  ['a=b=c; SameSite=Strict', 'a=b=c; SameSite=Strict', 'a=b=c; Secure; SameSite=None; Partitioned'],
  ['__Host-carrel_door=x', null, null],
  ['  __hOsT-Carrel_other = x', null, null],
  ['carrel_door=x', null, null],
  ['=__Host-carrel_door=x', null, null],
  ['__Host-carrel_door', null, null],
  ['', null, null],
])('a session sets %j', (text, plain, embedded) => {
  expect([sessionSetCookie(text, false), sessionSetCookie(text, true)]).toEqual([plain, embedded])
})

test.each([
  ['s1abc-web.sessions.example.net', 'door'],
  ['S1ABC-web.Sessions.Example.NET:8443', 'door'],
  ['s1abc-web.sessions.example.net.', 'elsewhere'],
  ['sessions.example.net', 'elsewhere'],
  ['a.s1abc-web.sessions.example.net', 'elsewhere'],
  ['s1abc-web.sessions.example.net.evil.example', 'elsewhere'],
  ['s1abc-web.sessions.example.net@evil.example', 'elsewhere'],
  ['s1abc.sessions.example.net', 'elsewhere'],
  ['s1abc-web-x.sessions.example.net', 'elsewhere'],
  ['[::1]', 'elsewhere'],
])('the host %s is %s', (host, kind) => {
  const origins = { scheme: 'https', domain: 'sessions.example.net', port: null } as const
  expect(addressedDoor(['Host', host], origins).kind).toBe(kind)
  expect(addressedDoor(['Host', host, 'host', host], origins).kind).toBe('malformed')
  expect(addressedDoor([], origins).kind).toBe('malformed')
})

test.each([
  ['/', 'session'],
  ['/a//b/..c/.d?x=/../y', 'session'],
  ['/a%2f..%2fb', 'session'],
  ['/.carrel', 'carrel'],
  ['/.carrel/open?x', 'carrel'],
  ['//.carrel/open', 'carrel'],
  ['/%2E%63arrel/open', 'carrel'],
  ['/.CARREL/open', 'carrel'],
  ['/.carrel;x/open', 'carrel'],
  ['/.carrel%2fopen', 'carrel'],
  ['/.carrelx', 'session'],
  ['/a/../b', 'malformed'],
  ['/a/.', 'malformed'],
  ['/%2e./x', 'malformed'],
  ['/a/..;x=1/b', 'malformed'],
  ['/a\\b', 'malformed'],
  ['/a#b', 'malformed'],
  ['*', 'malformed'],
  ['http://x/', 'malformed'],
  [`/${'a'.repeat(20_000)}`, 'malformed'],
])('%s is asked of: %s', (target, kind) => {
  expect(askedOf(target).kind).toBe(kind)
})

const where = {
  origin: own,
  internal: () => internalAuthorities(['10.1.2.3'], [8888, 32_768]),
  isTold: secretFinder('s3cr3t/value+1'),
}
test.each([
  ['/lab', '/lab'],
  ['../up', '../up'],
  ['http://10.1.2.3:8888/lab?a=1#b', `${own}/lab?a=1#b`],
  ['http://localhost:32768/', `${own}/`],
  ['//127.0.0.1:8888/x', `${own}/x`],
  ['http://s1abc-web.sessions.example.net/x', `${own}/x`],
  ['https://10.1.2.3:9999/x', 'https://10.1.2.3:9999/x'],
  ['https://other.example/x', 'https://other.example/x'],
  ['/lab?token=s3cr3t%2Fvalue%2B1&b=2', '/lab?b=2'],
  ['/lab?token=s3cr3t/value+1&b=2', '/'],
  ['/lab?token=s3cr3t%2Fvalue%2B1', '/lab'],
  ['/s3cr3t/value+1/x', '/'],
  ['https://other.example/?t=s3cr3t%2Fvalue%2B1', 'https://other.example/'],
  ['http://[', 'http://['],
])('Location %s becomes %s', (text, expected) => {
  expect(browserLocation(text, where)).toBe(expected)
})

test('portals may frame a door where they are named, beside what the session says of it', () => {
  const back = { ...where, frameAncestors: ['https://portal.example.org'] }
  const policy = 'Content-Security-Policy'
  expect(responseHeaders([policy, "default-src 'self'"], back)).toEqual([
    ...[policy, "default-src 'self'"],
    ...[policy, "frame-ancestors 'self' https://portal.example.org"],
  ])
  expect(responseHeaders([policy, 'x'], { ...back, frameAncestors: [] })).toEqual([policy, 'x'])
})
