import { afterAll, beforeAll, expect, test } from 'vitest'
import { cookieRule } from '../../../gateway/cookies.ts'
import { createRelieve } from '../../../gateway/crowded-cookies.ts'
import { ask, cookieOf, createSession, createStand, doorsTo, ownOrigin } from '../../support/gateway/stand.ts'

const origins = { scheme: 'https', domain: 'sessions.example.net', port: null } as const
const rule = cookieRule({ ...origins, embedded: false })
const host = 's1abc-web.sessions.example.net'
const pass = `cp_${'A'.repeat(43)}`
const valuesAt = (headers: readonly string[]) => headers.filter((_text, at) => at % 2 === 1)

/** What a browser that starts from the same place each time is told, until it has heard everything. */
function everything(target: string, cookie: string): Set<string> {
  const told = new Set<string>()
  for (let turn = 0; turn < 100; turn++) {
    const relieved = createRelieve(rule, origins, () => turn / 100)(target, ['Host', host, 'Cookie', cookie])
    for (const value of valuesAt(relieved?.forgetting ?? [])) told.add(value)
  }
  return told
}

let stand: Awaited<ReturnType<typeof createStand>>
let standPass = ''
const came: (string | undefined)[] = []
const closing: (() => Promise<void>)[] = []

beforeAll(async () => {
  const session = await createSession((request, response) => {
    came.push(request.headers.cookie)
    response.writeHead(200, { 'Set-Cookie': 'own=2; Path=/', 'Content-Length': '11' }).end('the session')
  })
  const made = doorsTo(session.port)
  standPass = made.pass
  stand = await createStand(made.doors)
  closing.push(stand.close, session.close)
})
afterAll(async () => {
  for (const close of closing) await close()
})

test('cookies that a session can read are left as they are', () => {
  const raw = ['Host', host, 'Cookie', `${rule.name}=${pass}; a=${'x'.repeat(7_900)}`]
  expect(createRelieve(rule, origins)('/', raw)).toBeNull()
})

test('the longest are left out first, and neither a pass nor other headers ever are', () => {
  const planted = Array.from({ length: 170 }, (_, at) => `p${at}=${'x'.repeat(4_000)}`)
  const wrong = `cp_${'B'.repeat(43)}`
  const raw = [
    ...['Host', host, 'Cookie', `${rule.name}=${wrong}; ${planted.join('; ')}; own=1`],
    ...['X-A', '1', 'cookie', `last=2; carrel_door=${'y'.repeat(3_000)}; ${rule.name}=${pass}`],
  ]
  const relieved = createRelieve(rule, origins)('/', raw)
  const cookie = relieved?.raw.at(-1)
  expect(relieved?.raw.slice(0, -1)).toEqual(['Host', host, 'X-A', '1', 'Cookie'])
  expect(cookie).toMatch(
    new RegExp(`^${rule.name}=${wrong}; p0=x{4000}; own=1; last=2; ${rule.name}=${pass}$`.replace('p0', 'p\\d+')),
  )
})

test('all that did not fit is forgotten by and by, however it may have been set, and never a pass', () => {
  const told = everything('/lab/tree?path=/x', `${rule.name}=junk; big=${'x'.repeat(70_000)}; small=1`)
  for (const path of ['/', '/lab', '/lab/', '/lab/tree'])
    for (const domain of ['', `; Domain=${host}`, '; Domain=sessions.example.net', '; Domain=example.net'])
      for (const kind of ['', '; Partitioned'])
        for (const name of ['big=', '=gone'])
          expect(told).toContain(`${name}; Max-Age=0; Path=${path}${domain}; Secure; SameSite=None${kind}`)
  expect([...told].filter((value) => /^(small|__Host-carrel_door)=/.test(value))).toEqual([])
  expect([...told].filter((value) => /Domain=net(;|$)/.test(value))).toEqual([])
})

test('a cookie of the session’s own that was passed on stays, also where another of its name did not fit', () => {
  const told = everything('/lab', `own=1; own=${'x'.repeat(9_000)}; other=${'x'.repeat(9_000)}`)
  expect(told).toContain('own=; Max-Age=0; Path=/; Domain=sessions.example.net; Secure; SameSite=None')
  const forHost = [...told].filter((value) => !value.includes('Domain=') || value.includes(`Domain=${host}`))
  expect(forHost.filter((value) => value.startsWith('own='))).toEqual([])
  expect(forHost).toContain('other=; Max-Age=0; Path=/; Secure; SameSite=None')
})

test('what others above the sessions domain set is theirs, as long as it is not more than anybody sets', () => {
  const told = everything('/lab', `sso=${'x'.repeat(4_000)}; portal=${'x'.repeat(4_000)}; own=${'x'.repeat(4_000)}`)
  expect(told).toContain('portal=; Max-Age=0; Path=/; Domain=sessions.example.net; Secure; SameSite=None')
  expect([...told].filter((value) => value.includes('Domain=example.net'))).toEqual([])
})

test('what makes a browser forget fits into what proxies read, whatever the names', () => {
  const names = ['n'.repeat(4_000), ...Array.from({ length: 170 }, (_, at) => `${'m'.repeat(60)}${at}`)]
  const cookie = names.map((name) => `${name}=${'x'.repeat(100)}`).join('; ')
  const raw = ['Host', host, 'Cookie', cookie]
  const told = valuesAt(createRelieve(rule, origins, () => 0)('/a;b/c', raw)?.forgetting ?? [])
  expect(told.length).toBeGreaterThan(5)
  expect(told.join('').length).toBeLessThanOrEqual(2_000)
  expect(told.join('\n')).not.toContain('a;b')
})

test('all that a browser can hold locks nobody out, at the door, its page or its socket', async () => {
  const planted = Array.from({ length: 178 }, (_, at) => `p${at}=${'x'.repeat(4_090)}`).join('; ')
  const Cookie = `${planted}; own=1; ${cookieOf(standPass)}`
  const answer = await ask(stand.port, { headers: { Cookie } })
  expect([answer.status, answer.body]).toEqual([200, 'the session'])
  expect(came.at(-1)).toMatch(/^p\d+=x+; own=1$/)
  const cookies = answer.headers['set-cookie'] ?? []
  expect(cookies.length).toBeGreaterThan(5)
  expect(cookies.at(-1)).toBe('own=2; Path=/')
  expect(cookies.slice(0, -1).every((value) => /^(p\d+=|=gone); Max-Age=0; /.test(value))).toBe(true)
  const page = await ask(stand.port, { path: '/.carrel/open', headers: { Cookie } })
  expect([page.status, (page.headers['set-cookie'] ?? []).length > 5]).toEqual([200, true])
  const closed = await ask(stand.port, { headers: { Cookie: planted } })
  expect([closed.status, (closed.headers['set-cookie'] ?? []).length > 5]).toEqual([401, true])
  const socket = await ask(stand.port, {
    headers: {
      ...{ Cookie, Origin: ownOrigin(), Connection: 'Upgrade', Upgrade: 'websocket' },
      ...{ 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'x' },
    },
  })
  // The session answers as it answers everything.
  expect([socket.status, socket.body]).toEqual([200, 'the session'])
})
