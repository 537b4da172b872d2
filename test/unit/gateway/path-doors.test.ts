import { describe, expect, test } from 'vitest'
import { doorHost, ticketUrl } from '../../../domain/doors.ts'
import { newId } from '../../../domain/ids.ts'
import { cookieRule } from '../../../gateway/cookies.ts'
import { openPage } from '../../../gateway/pages/open.ts'
import { atDoor, fromDoor } from '../../../gateway/path-doors.ts'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

const sessionId = newId('session')
const origins = { scheme: 'http', domain: 'localhost', port: 8090, byPath: true } as const
const doors = { origins, cookie: cookieRule({ ...origins, embedded: false }) }
const host = doorHost(sessionId, 'web', 'localhost')
const base = `/${sessionId}-web`
const shared = 'http://127.0.0.1:8090'

describe('a request for a path of the shared host', () => {
  test.each([
    [`${base}/lab?a=/b`, `${base}/lab?a=/b`],
    [base, base],
    [`${base}?x`, `${base}?x`],
    [`${base}/.carrel/open`, '/.carrel/open'],
    [`${base}/.carrel`, '/.carrel'],
    [`${base}/.carrelling`, `${base}/.carrelling`],
    [`${base}/a/.carrel/open`, `${base}/a/.carrel/open`],
  ])('%s asks the door for %s', (target, at) => {
    expect(atDoor(target, ['Host', '127.0.0.1:8090'], doors)).toMatchObject({ host, target: at })
  })

  test.each([
    ['/', '127.0.0.1:8090'],
    ['/lab', '127.0.0.1:8090'],
    [`/${sessionId}/lab`, '127.0.0.1:8090'],
    [`/${sessionId}-web-more/lab`, '127.0.0.1:8090'],
    [`/${sessionId}-Web/lab`, '127.0.0.1:8090'],
    [`/${sessionId}-web.localhost/`, '127.0.0.1:8090'],
    [`//${sessionId}-web/`, '127.0.0.1:8090'],
    [`${base}/lab`, 'localhost:8090'],
    [`${base}/lab`, '127.0.0.1:8091'],
    [`${base}/lab`, `${host.name}:8090`],
  ])('%s at %s is none', (target, name) => {
    expect(atDoor(target, ['Host', name], doors)).toBeNull()
  })

  test('with two hosts is none', () => {
    expect(atDoor(`${base}/`, ['Host', '127.0.0.1:8090', 'Host', '127.0.0.1:8090'], doors)).toBeNull()
  })

  test('says what the door would have been told: its own host, origin and pass', () => {
    const said = [
      'Host',
      '127.0.0.1:8090',
      'Origin',
      shared,
      'Cookie',
      'a=1; carrel_door_path=cp_x; __Host-carrel_door=cp_y',
    ]
    expect(atDoor(`${base}/`, [...said, 'X-Own', 'kept'], doors)?.raw).toEqual([
      ...['Host', `${host.name}:8090`, 'Origin', `http://${host.name}:8090`, 'Cookie', 'a=1; __Host-carrel_door=cp_x'],
      ...['X-Own', 'kept'],
    ])
  })

  test.each(['http://evil.example', 'null', 'http://localhost:8090', `http://${host.name}:8091`])(
    'another origin stays another: %s',
    (origin) => {
      expect(atDoor(`${base}/`, ['Host', '127.0.0.1:8090', 'Origin', origin], doors)?.raw).toContain(origin)
    },
  )
})

test.each([
  ['Location', '/.carrel/desktop', `${base}/.carrel/desktop`],
  ['location', `http://${host.name}:8090${base}/lab`, `${base}/lab`],
  ['Location', 'https://elsewhere.example/', 'https://elsewhere.example/'],
  [
    'Set-Cookie',
    '__Host-carrel_door=cp_x; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax',
    `carrel_door_path=cp_x; Path=${base}/; Max-Age=60; HttpOnly; SameSite=Lax`,
  ],
  ['set-cookie', '_xsrf=1; path=/; secure', `_xsrf=1; Path=${base}/`],
  ['X-Own', '/.carrel/x', '/.carrel/x'],
])('%s: %s comes back as %s', (name, value, expected) => {
  expect(fromDoor(name, value, host, doors)).toBe(expected)
})

test('addresses lead to the path, and elsewhere to the door of its own', () => {
  const byName = { scheme: 'http', domain: 'localhost', port: 8090 } as const
  expect(ticketUrl(origins, host, 'ct_x', '/lab')).toBe(`${shared}${base}/.carrel/open#ticket=ct_x&path=%2Flab`)
  expect(ticketUrl(byName, host, 'ct_x', '/')).toBe(`http://${host.name}:8090/.carrel/open#ticket=ct_x&path=%2F`)
})

test('the page that opens such a door says what it does not keep apart, and no other page does', () => {
  expect(openPage([], true).html).toContain('all doors are one origin')
  expect(openPage([]).html).not.toContain('all doors are one origin')
})

describe('the setting', () => {
  const faults = (env: Record<string, string>) => {
    try {
      readConfig(['doors', 'gateway'], env)
    } catch (error) {
      return error instanceof ConfigInvalid ? error.faults.map(({ key, expected }) => `${key} ${expected}`) : [error]
    }
    return []
  }
  const asked = { CARREL_DOORS_BY_PATH: 'true' }

  test('is for development alone, below localhost', () => {
    const production = {
      ...asked,
      CARREL_SESSIONS_DOMAIN: 'sessions.example.org',
      CARREL_PUBLIC_URL: 'https://carrel.example.net',
    }
    expect(faults(production)).toEqual(['CARREL_DOORS_BY_PATH must be false outside development'])
    const elsewhere = { ...production, CARREL_ENV: 'development' }
    expect(faults(elsewhere)).toEqual([expect.stringMatching(/^CARREL_DOORS_BY_PATH needs doors below localhost/)])
  })

  test('is told to whoever makes addresses and whoever answers there', () => {
    const env = { ...asked, CARREL_ENV: 'development' }
    const { doors: api, gateway } = readConfig(['doors', 'gateway'], env)
    expect([api, gateway.origins]).toEqual([origins, origins])
    expect(readConfig(['doors'], { CARREL_ENV: 'development' }).doors).not.toHaveProperty('byPath')
  })
})
