import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  allows,
  doorHost,
  isReserved,
  looksLikePass,
  looksLikeTicket,
  modesOf,
  parseDoorHost,
  parseDoorPath,
  portOf,
  startPath,
  ticketUrl,
} from '../../domain/doors.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { DoorSpec } from '../../domain/template.ts'

const sessionId = 's0abc' as SessionId
const domain = 'sessions.test'

describe('host names of doors', () => {
  const id = fc.stringMatching(/^[a-z][a-z0-9]{1,25}$/).map((text) => text as SessionId)
  const door = fc.stringMatching(/^[a-z][a-z0-9]{0,15}$/)

  test('what is built is found again, with and without a port, in any case', () => {
    fc.assert(
      fc.property(
        id,
        door,
        fc.constantFrom('localhost', domain),
        fc.constantFrom('', ':80', ':65535'),
        (s, d, at, port) => {
          const host = doorHost(s, d, at)
          expect(parseDoorHost(`${host.name}${port}`, at)).toEqual(host)
          expect(parseDoorHost(`${host.name.toUpperCase()}${port}`, at)).toEqual(host)
        },
      ),
    )
  })

  test.each([
    ['no session', 'web.sessions.test'],
    ['no door', 's0abc.sessions.test'],
    ['an empty door', 's0abc-.sessions.test'],
    ['two doors', 's0abc-web-more.sessions.test'],
    ['a name below the door', 'x.s0abc-web.sessions.test'],
    ['another domain', 's0abc-web.sessions.test.evil.example'],
    ['a domain that only ends like it', 's0abc-web.mysessions.test'],
    ['the domain alone', 'sessions.test'],
    ['a dot at the end', 's0abc-web.sessions.test.'],
    ['a door that is too long', `s0abc-${'w'.repeat(17)}.sessions.test`],
    ['a door that begins with a digit', 's0abc-1web.sessions.test'],
    ['a user before it', 'me@s0abc-web.sessions.test'],
    ['a path after it', 's0abc-web.sessions.test/x'],
    ['a port that is none', 's0abc-web.sessions.test:80a'],
    ['an address', '127.0.0.1'],
    ['nothing', ''],
    ['a line break', 's0abc-web.sessions.test\n'],
  ])('%s is no door', (_, host) => expect(parseDoorHost(host, domain)).toBeNull())
})

describe('the path that is asked for', () => {
  test.each([
    ['/', '/'],
    ['/lab?x=1#y', '/lab?x=1#y'],
    ['/lab/../tree', '/tree'],
    ['/a?next=http://elsewhere.example//b', '/a?next=http://elsewhere.example//b'],
    ['/grüße', '/gr%C3%BC%C3%9Fe'],
    ['/carrel', '/carrel'],
    ['/a/.carrel/b', '/a/.carrel/b'],
  ])('%s becomes %s', (asked, path) => expect(parseDoorPath(asked)).toBe(path))

  test.each([
    ['nothing', ''],
    ['no path', 'lab'],
    ['an address', 'https://evil.example/'],
    ['a script', 'javascript:alert(1)'],
    ['another host', '//evil.example/'],
    ['another host, written with a backslash', '/\\evil.example/'],
    ['another host, above the root', '/..//evil.example/'],
    ['another host, above the root and encoded', '/%2e%2e//evil.example/'],
    ['a backslash anywhere', '/a?b=\\c'],
    ['a tab, which browsers leave out', '/\t/evil.example'],
    ['a line break', '/a\r\nset-cookie: x'],
    ['a zero', '/a\u0000'],
    ['a control character of the second block', '/a\u0085b'],
    ['half a character', '/\ud800'],
    ['what is Carrel\u2019s', '/.carrel/open'],
    ['what is Carrel\u2019s, encoded', '/%2ecarrel/open'],
    ['what is Carrel\u2019s, in capitals', '/.CARREL/open'],
    ['what is Carrel\u2019s, by a way round', '/a/../.carrel/open'],
    ['what is Carrel\u2019s, with an encoded slash', '/.carrel%2fopen'],
    ['too much', `/${'x'.repeat(2_000)}`],
    ['too much once it is encoded', `/${'\u20ac'.repeat(1_000)}`],
  ])('%s is refused', (_, asked) => expect(parseDoorPath(asked)).toBeNull())

  const pieces = [
    '/',
    '//',
    '..',
    '.',
    '%2e',
    '%2E%2e',
    '%2f',
    '%5c',
    '.carrel',
    '.Carrel',
    '%63arrel',
    ';',
    '?',
    '#',
    '@',
    ':',
    'a',
    '\u20ac',
    '%',
    ' ',
  ]
  const puzzle = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(''))

  test('whatever is let through stays on its host, and what it becomes is let through as it is', () => {
    fc.assert(
      fc.property(puzzle, (text) => {
        const path = parseDoorPath(`/${text}`)
        if (path === null) return
        const url = new URL(path, 'https://s0abc-web.sessions.test')
        expect(url.origin).toBe('https://s0abc-web.sessions.test')
        expect(isReserved(url.pathname)).toBe(false)
        expect(parseDoorPath(path)).toBe(path)
      }),
      { numRuns: 500 },
    )
  })
})

test('a ticket stands in the fragment alone', () => {
  const ticket = `ct_${'a'.repeat(43)}`
  const address = new URL(
    ticketUrl({ scheme: 'https', domain, port: 8443 }, doorHost(sessionId, 'web', domain), ticket, '/lab?a=1&b#c'),
  )
  expect(address.origin).toBe('https://s0abc-web.sessions.test:8443')
  expect(address.pathname).toBe('/.carrel/open')
  expect(address.search).toBe('')
  const said = new URLSearchParams(address.hash.slice(1))
  expect([said.get('ticket'), said.get('path')]).toEqual([ticket, '/lab?a=1&b#c'])
})

test('tickets and passes are not taken for each other', () => {
  const tail = 'A-_9'.repeat(10) + 'abc'
  expect([looksLikeTicket(`ct_${tail}`), looksLikePass(`cp_${tail}`)]).toEqual([true, true])
  expect([looksLikeTicket(`cp_${tail}`), looksLikePass(`ct_${tail}`), looksLikeTicket(`ct_${tail}x`)]).toEqual([
    false,
    false,
    false,
  ])
})

describe('modes', () => {
  const web: DoorSpec = { protocol: 'http', port: 80, modes: ['control', 'view'] }
  test('a web door is for looking only where its template says how', () => {
    expect(modesOf(web)).toEqual(['control'])
    const twofold: DoorSpec = { ...web, readOnly: { port: 81 } }
    expect(modesOf(twofold)).toEqual(['control', 'view'])
    expect([portOf(twofold, 'control'), portOf(twofold, 'view')]).toEqual([80, 81])
    expect(modesOf({ ...web, protocol: 'vnc' })).toEqual(['control', 'view'])
    expect(portOf({ ...web, protocol: 'vnc' }, 'view')).toBe(80)
  })

  test.each<[Partial<DoorSpec>, 'control' | 'view', string]>([
    [{}, 'control', '/'],
    [{ path: '/lab?x=1' }, 'control', '/lab?x=1'],
    [{ path: '/lab?token={secret}' }, 'control', '/lab'],
    [{ path: '/{secret}/lab' }, 'control', '/'],
    [{ path: '/lab', readOnly: { port: 81 } }, 'view', '/'],
    [{ path: '/lab', readOnly: { port: 81, path: '/see' } }, 'view', '/see'],
    [{ path: '//elsewhere.example' }, 'control', '/'],
  ])('%o is entered for %s at %s: no secret is in an address', (over, mode, path) =>
    expect(startPath({ ...web, ...over }, mode)).toBe(path),
  )

  test('who may control may look; who may look may look', () => {
    expect([allows('control', 'control'), allows('control', 'view'), allows('view', 'view')]).toEqual([
      true,
      true,
      true,
    ])
    expect([allows('view', 'control'), allows(null, 'view'), allows(null, 'control')]).toEqual([false, false, false])
  })
})
