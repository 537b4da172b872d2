import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AccountId } from '../../../domain/ids.ts'
import { accessTo, hostOf, session } from '../../support/gateway/memory-doors.ts'
import {
  ask,
  cookieOf,
  createRawSession,
  createSession,
  createStand,
  doorsTo,
  eventually,
  heard,
  ownOrigin,
  publicPort,
  requestText,
  speak,
} from '../../support/gateway/stand.ts'
import type { Asked, Heard } from '../../support/gateway/stand.ts'

/** Everything that the session was asked, to be seen to be empty. */
const arrived: string[] = []
let stand: Awaited<ReturnType<typeof createStand<ReturnType<typeof doorsTo>['doors']>>>
let pass = ''
let port = 0
const closing: (() => Promise<void>)[] = []
const other = hostOf(session('s1other'))

beforeAll(async () => {
  const upstream = await createSession((request, response) => {
    arrived.push(`${request.method} ${request.url}`)
    response.end('the session')
  })
  const made = doorsTo(upstream.port)
  pass = made.pass
  stand = await createStand(made.doors)
  port = stand.port
  closing.push(stand.close, upstream.close)
})
afterAll(async () => {
  for (const close of closing) await close()
})

const own = ownOrigin()
const cookie = () => ({ Cookie: cookieOf(pass) })
const upgrading = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'x',
}

interface Row {
  readonly name: string
  readonly ask: () => Asked | string
  readonly answer: readonly [status: number, code: string | null]
}

const requests: readonly Row[] = [
  { name: 'no cookie', ask: () => ({}), answer: [401, 'no_pass'] },
  {
    name: 'a made-up pass',
    ask: () => ({ headers: { Cookie: cookieOf(`cp_${'A'.repeat(43)}`) } }),
    answer: [401, 'no_pass'],
  },
  {
    name: 'the pass at another session’s door',
    ask: () => ({ host: other.name, headers: cookie() }),
    answer: [401, 'no_pass'],
  },
  {
    name: 'the pass at another door of the session',
    ask: () => ({ host: hostOf(session(), 'desk').name, headers: cookie() }),
    answer: [401, 'no_pass'],
  },
  {
    name: 'a host that is no door',
    ask: () => ({ host: 'portal.localhost', headers: cookie() }),
    answer: [404, 'door_unknown'],
  },
  {
    name: 'the bare sessions domain',
    ask: () => ({ host: 'localhost', headers: cookie() }),
    answer: [404, 'door_unknown'],
  },
  {
    name: 'an address instead of a name',
    ask: () => ({ host: '127.0.0.1', headers: cookie() }),
    answer: [404, 'door_unknown'],
  },
  {
    name: 'a name with a dot at its end',
    ask: () => ({ host: `${hostOf().name}.`, headers: cookie() }),
    answer: [404, 'door_unknown'],
  },
  {
    name: 'two hosts',
    ask: () =>
      `GET / HTTP/1.1\r\nHost: ${hostOf().name}\r\nHost: ${other.name}\r\nConnection: close\r\nCookie: ${cookieOf(pass)}\r\n\r\n`,
    answer: [400, 'malformed_request'],
  },
  {
    name: 'no host',
    ask: () => `GET / HTTP/1.1\r\nConnection: close\r\nCookie: ${cookieOf(pass)}\r\n\r\n`,
    answer: [400, 'malformed_request'],
  },
  {
    name: 'an absolute target',
    ask: () => ({ path: `http://${other.name}/`, headers: cookie() }),
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a fetch of another session’s page',
    ask: () => ({
      headers: { ...cookie(), 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'cors', Origin: ownOrigin(other) },
    }),
    answer: [403, 'foreign_origin'],
  },
  {
    name: 'an image on another session’s page',
    ask: () => ({
      headers: { ...cookie(), 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' },
    }),
    answer: [403, 'foreign_origin'],
  },
  {
    name: 'a form of another session’s page',
    ask: () => ({
      method: 'POST',
      body: 'a=1',
      headers: {
        ...cookie(),
        'Sec-Fetch-Site': 'same-site',
        'Sec-Fetch-Mode': 'navigate',
        'Sec-Fetch-Dest': 'document',
        Origin: ownOrigin(other),
      },
    }),
    answer: [403, 'foreign_origin'],
  },
  {
    name: 'a frame on another session’s page',
    ask: () => ({
      headers: { ...cookie(), 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' },
    }),
    answer: [403, 'page'],
  },
  {
    name: 'a POST that does not say from where',
    ask: () => ({ method: 'POST', body: 'a=1', headers: cookie() }),
    answer: [403, 'foreign_origin'],
  },
  {
    name: 'a POST from nowhere',
    ask: () => ({ method: 'POST', body: 'a=1', headers: { ...cookie(), Origin: 'null' } }),
    answer: [403, 'foreign_origin'],
  },
  {
    name: 'a socket without an origin',
    ask: () => ({ headers: { ...cookie(), ...upgrading } }),
    answer: [403, 'foreign_origin'],
  },
  {
    name: 'a socket of another session’s page',
    ask: () => ({ headers: { ...cookie(), ...upgrading, Origin: ownOrigin(other) } }),
    answer: [403, 'foreign_origin'],
  },
  {
    name: 'a socket that only says that it is same-origin',
    ask: () => ({ headers: { ...cookie(), ...upgrading, 'Sec-Fetch-Site': 'same-origin' } }),
    answer: [403, 'foreign_origin'],
  },
  {
    name: 'a socket without a pass',
    ask: () => ({ headers: { ...upgrading, Origin: own } }),
    answer: [401, 'no_pass'],
  },
  {
    name: 'a path that climbs',
    ask: () => ({ path: '/../../etc/passwd', headers: cookie() }),
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a path that climbs in disguise',
    ask: () => ({ path: '/a/%2e%2E/.carrel/x', headers: cookie() }),
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a path with the other slash',
    ask: () => ({ path: '/a\\..\\b', headers: cookie() }),
    answer: [400, 'malformed_request'],
  },
  {
    name: 'Carrel’s path in disguise',
    ask: () => ({ path: '/%2ecarrel/viewer/../../x', headers: cookie() }),
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a path of Carrel’s that is none',
    ask: () => ({ path: '/%2Ecarrel/secret', headers: cookie() }),
    answer: [404, 'not_found'],
  },
  {
    name: 'length and chunks at once',
    ask: () => ({
      method: 'POST',
      headers: { ...cookie(), Origin: own, 'Content-Length': '4', 'Transfer-Encoding': 'chunked' },
      body: '0\r\n\r\n',
    }),
    answer: [400, 'malformed_request'],
  },
  {
    name: 'two lengths',
    ask: () => `POST / HTTP/1.1\r\nHost: ${hostOf().name}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`,
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a length with a sign',
    ask: () => `POST / HTTP/1.1\r\nHost: ${hostOf().name}\r\nContent-Length: +4\r\n\r\nabcd`,
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a coding that only looks like chunked',
    ask: () => ({ method: 'POST', headers: { ...cookie(), Origin: own, 'Transfer-Encoding': 'xchunked' } }),
    answer: [0, null],
  },
  {
    name: 'a coding before chunked',
    ask: () => ({
      method: 'POST',
      headers: { ...cookie(), Origin: own, 'Transfer-Encoding': 'gzip, chunked' },
      body: '',
    }),
    answer: [501, 'not_implemented'],
  },
  {
    name: 'a chunk that is none',
    ask: () =>
      `POST / HTTP/1.1\r\nHost: ${hostOf().name}\r\nOrigin: ${own}\r\nCookie: ${cookieOf(pass)}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    answer: [0, null],
  },
  {
    name: 'a header that goes on in the next line',
    ask: () => `GET / HTTP/1.1\r\nHost: ${hostOf().name}\r\nX-A: 1\r\n folded\r\n\r\n`,
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a blank before the colon',
    ask: () => `GET / HTTP/1.1\r\nHost : ${hostOf().name}\r\n\r\n`,
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a line that ends without CR',
    ask: () => `GET / HTTP/1.1\nHost: ${hostOf().name}\n\n`,
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a NUL in a header',
    ask: () => `GET / HTTP/1.1\r\nHost: ${hostOf().name}\r\nX-A: a\0b\r\n\r\n`,
    answer: [400, 'malformed_request'],
  },
  {
    name: 'a header of 70 KiB',
    ask: () => ({ headers: { 'X-Long': 'a'.repeat(70_000) } }),
    answer: [431, 'headers_too_large'],
  },
  {
    name: 'cookies of 40 KiB',
    ask: () => ({ headers: { Cookie: `${cookieOf(pass)}; a=${'b'.repeat(40_000)}` } }),
    answer: [431, 'headers_too_large'],
  },
  {
    name: '300 headers',
    ask: () => ({
      headers: { ...cookie(), ...Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`X-${at}`, '1'])) },
    }),
    answer: [431, 'headers_too_large'],
  },
  { name: 'TRACE', ask: () => ({ method: 'TRACE', headers: cookie() }), answer: [405, 'method_not_allowed'] },
  { name: 'CONNECT', ask: () => `CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: ${hostOf().name}\r\n\r\n`, answer: [0, null] },
  { name: 'no HTTP', ask: () => 'SSH-2.0-OpenSSH_9.2\r\n\r\n', answer: [400, 'malformed_request'] },
  {
    name: 'a service worker for the whole host',
    ask: () => ({
      path: '/sw.js',
      headers: { ...cookie(), 'Sec-Fetch-Site': 'same-origin', 'Service-Worker': 'script' },
    }),
    answer: [404, 'not_found'],
  },
]

/** The code of a problem; `page` where people are told in words. */
const codeOf = ({ body }: Heard): string | null => {
  if (body === '') return null
  return body.startsWith('<!doctype') ? 'page' : (JSON.parse(body) as { code: string }).code
}

test.each(requests)('$name: $answer', async ({ ask: asked, answer: [status, code] }) => {
  arrived.length = 0
  const what = asked()
  const answer = heard(await speak(port, typeof what === 'string' ? what : requestText(what), /\r\n\r\n.*\}$/s))
  expect([answer.status, codeOf(answer)]).toEqual([status, code])
  expect(arrived).toEqual([])
})

test('cookies that fill a request are cleared, so that nobody is locked out', async () => {
  const { headers } = await ask(port, { headers: { Cookie: `a=${'b'.repeat(40_000)}` } })
  expect(headers['clear-site-data']).toEqual(['"cookies"'])
  const unread = await ask(port, { headers: { Cookie: `a=${'b'.repeat(70_000)}` } })
  expect(unread.headers['clear-site-data']).toEqual(['"cookies"'])
})

test('a cookie of the same name beside the real one hides it in neither order', async () => {
  const wrong = `cp_${'B'.repeat(43)}`
  for (const value of [`${cookieOf(wrong)}; ${cookieOf(pass)}`, `${cookieOf(pass)}; ${cookieOf(wrong)}`])
    expect((await ask(port, { headers: { Cookie: value } })).status).toBe(200)
})

test('what follows a request on the same connection is another request, checked like the first', async () => {
  arrived.length = 0
  const first = requestText({ headers: { ...cookie(), Connection: 'keep-alive' } })
  const answer = await speak(port, first + requestText({ path: '/second' }), /401 /)
  expect(answer).toMatch(/^HTTP\/1\.1 200 .*the session.*HTTP\/1\.1 401 /s)
  expect(arrived).toEqual(['GET /'])
})

const redeem = (more: Asked = {}, ticket = '', extra: object = {}): Asked => ({
  method: 'POST',
  path: '/.carrel/redeem',
  body: JSON.stringify({ ticket, ...extra }),
  ...more,
  headers: { Origin: own, 'Content-Type': 'application/json', ...more.headers },
})
const anna = () => accessTo(1)
const ben = () => accessTo(1, { accountId: 'a1ben' as AccountId })

test('a ticket makes a pass once, at its own door, asked by that door’s page', async () => {
  const ticket = stand.doors.issue(hostOf(), anna(), '/lab')
  const refusals: readonly (readonly [string, Asked, number, string])[] = [
    ['no origin', redeem({ headers: { Origin: '' } }, ticket), 403, 'foreign_origin'],
    ['another origin', redeem({ headers: { Origin: ownOrigin(other) } }, ticket), 403, 'foreign_origin'],
    ['the same site', redeem({ headers: { 'Sec-Fetch-Site': 'same-site' } }, ticket), 403, 'foreign_origin'],
    ['a form', redeem({ headers: { 'Content-Type': 'text/plain' } }, ticket), 400, 'malformed_request'],
    ['GET', { path: '/.carrel/redeem', headers: { Origin: own } }, 405, 'method_not_allowed'],
    [
      'another door',
      redeem({ host: other.name, headers: { Origin: ownOrigin(other) } }, ticket),
      403,
      'ticket_unknown',
    ],
    ['a long body', redeem({}, ticket, { more: 'x'.repeat(5_000) }), 400, 'malformed_request'],
    ['no ticket', redeem({}, 'ct_no'), 403, 'ticket_unknown'],
  ]
  for (const [name, asked, status, code] of refusals) {
    const answer = await ask(port, asked)
    expect([name, answer.status, (JSON.parse(answer.body) as { code: string }).code]).toEqual([name, status, code])
    expect(answer.headers['set-cookie'], name).toBeUndefined()
  }
  const made = await ask(port, redeem({}, ticket))
  expect([made.status, JSON.parse(made.body)]).toEqual([200, { path: '/lab' }])
  expect(made.headers['set-cookie']).toEqual([
    expect.stringMatching(
      /^__Host-carrel_door=cp_[\w-]{43}; Max-Age=(59|60); Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    ),
  ])
  expect(made.headers['cache-control']).toEqual(['no-store'])
  const replayed = await ask(port, redeem({}, ticket))
  expect([replayed.status, JSON.parse(replayed.body)]).toEqual([403, { code: 'ticket_used' }])
})

test('a pass of another account is not replaced until its user says so', async () => {
  const ticket = stand.doors.issue(hostOf(), ben(), '/')
  const asked = await ask(port, redeem({ headers: cookie() }, ticket))
  expect([asked.status, JSON.parse(asked.body)]).toEqual([
    409,
    { code: 'other_account', current: 'a1anna', asked: 'a1ben' },
  ])
  expect(asked.headers['set-cookie']).toBeUndefined()
  expect((await ask(port, redeem({ headers: cookie() }, ticket, { replace: true }))).status).toBe(200)
})

test('looking at a link opens nothing, and its page loads nothing from anywhere', async () => {
  const ticket = stand.doors.issue(hostOf(), anna())
  for (const method of ['GET', 'HEAD'])
    expect(await ask(port, { method, path: `/.carrel/open?ticket=${ticket}` })).toMatchObject({ status: 200 })
  expect(stand.doors.tickets.get(ticket)?.used).toBe(false)
  const { headers, body } = await ask(port, { path: '/.carrel/open' })
  expect(headers).toMatchObject({
    'referrer-policy': ['no-referrer'],
    'cache-control': ['no-store'],
    'cross-origin-opener-policy': ['same-origin'],
  })
  expect(headers['content-security-policy']?.[0]).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  )
  expect(body).not.toMatch(/(src|href)=/)
})

test('whoever sends headers slowly is told that it takes too long', async () => {
  const slow = await createStand(stand.doors, { headersMs: 500 })
  const socket = connect(slow.port, '127.0.0.1')
  let said = ''
  socket.on('data', (chunk) => (said += String(chunk)))
  socket.on('error', () => {})
  let closed = false
  socket.once('close', () => (closed = true))
  socket.write('GET / HTTP/1.1\r\n')
  const drip = setInterval(() => socket.writable && socket.write('X-A: 1\r\n'), 50)
  await eventually(() => closed, 'the connection is closed')
  clearInterval(drip)
  expect(said).toMatch(/^HTTP\/1\.1 408 /)
  await slow.close()
})

/** What sessions do, and what their browser gets of it. */
const sessions: readonly {
  name: string
  says: string | null
  answer: readonly [number, string | null]
  headers?: object
}[] = [
  { name: 'never answers', says: null, answer: [504, 'timeout'] },
  { name: 'speaks no HTTP', says: '220 mail\r\n', answer: [502, 'bad_answer'] },
  {
    name: 'ends lines within a header',
    says: 'HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: __Host-carrel_door=x\r\nContent-Length: 0\r\n\r\n',
    answer: [502, 'bad_answer'],
  },
  {
    name: 'sends length and chunks at once',
    says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    answer: [502, 'bad_answer'],
  },
  {
    name: 'sends a coding that is not chunked',
    says: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx',
    answer: [502, 'bad_answer'],
  },
  {
    name: 'sends headers of 100 KiB',
    says: `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`,
    answer: [502, 'bad_answer'],
  },
  {
    name: 'changes protocols unasked',
    says: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    answer: [502, 'bad_answer'],
  },
  {
    name: 'sends two answers',
    says: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    answer: [200, 'ok'],
  },
  {
    name: 'sets a cookie for the parent domain',
    says: 'HTTP/1.1 200 OK\r\nSet-Cookie: a=b; DOMAIN = localhost; Path=/\r\nContent-Length: 2\r\n\r\nok',
    answer: [200, 'ok'],
    headers: { 'set-cookie': ['a=b; Path=/'] },
  },
  {
    name: 'sets Carrel’s cookie, also without a name',
    says: 'HTTP/1.1 200 OK\r\nSet-Cookie: __HOST-carrel_door=x; Path=/\r\nSet-Cookie: =__Host-carrel_door=x\r\nSet-Cookie: __Host-carrel_door\r\nSet-Cookie: ok=1\r\nContent-Length: 2\r\n\r\nok',
    answer: [200, 'ok'],
    headers: { 'set-cookie': ['ok=1'] },
  },
  {
    name: 'redirects to itself for ever',
    says: 'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:8888/again\r\nContent-Length: 0\r\n\r\n',
    answer: [302, ''],
    headers: { location: [`${own}/again`] },
  },
  {
    name: 'says only half of what it promised',
    says: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
    answer: [200, 'half'],
  },
]

test.each(sessions)('a session that $name: $answer', async ({ says, answer: [status, code], headers = {} }) => {
  let asked = 0
  const hostile = await createRawSession((socket) => {
    socket.on('data', () => {
      asked += 1
      if (says !== null) socket.end(says)
    })
  })
  const made = doorsTo(hostile.port)
  const gate = await createStand(made.doors, { firstByteMs: 300 })
  try {
    const answer = await ask(gate.port, { path: '/lab', headers: { Cookie: cookieOf(made.pass) } })
    const got =
      answer.headers['content-type']?.[0] === 'application/problem+json' ? JSON.parse(answer.body).code : answer.body
    expect([answer.status, got]).toEqual([status, code])
    expect(answer.headers).toMatchObject(headers)
    expect(asked).toBe(1)
    await eventually(() => gate.gateway.live.all().length === 0, 'nothing stays open')
  } finally {
    await gate.close()
    await hostile.close()
  }
})

test('a session that cannot be reached, or lies where it should not, is told as degraded or refused', async () => {
  const gone = await createRawSession(() => {})
  await gone.close()
  const places: readonly (readonly [Parameters<typeof accessTo>[1], number])[] = [
    [{}, 502],
    [{ networks: ['10.0.0.0/8'] }, 502],
    [{ networks: ['0.0.0.0/0'] }, 502],
    [{ networks: ['0.0.0.0/0'], endpoint: { host: '169.254.169.254', port: 80 } }, 502],
    [{ networks: ['0.0.0.0/0', '::/0'], endpoint: { host: '::ffff:169.254.169.254', port: 80 } }, 502],
    [{ networks: ['0.0.0.0/0'], endpoint: { host: 'localhost', port: gone.port } }, 502],
    [{ endpoint: null }, 502],
  ]
  for (const [more, status] of places) {
    const made = doorsTo(gone.port, more)
    const gate = await createStand(made.doors)
    const answer = await ask(gate.port, { headers: { Cookie: cookieOf(made.pass), Accept: 'text/html' } })
    expect([answer.status, answer.headers['content-type']]).toEqual([status, ['text/html; charset=utf-8']])
    expect(answer.body).toContain('http-equiv="refresh"')
    await gate.close()
    expect(made.doors.reports).toEqual(more === places[0]?.[0] ? [`${session()}-web unreachable`] : [])
  }
})

test(
  '10 GiB from a session: its browser leaves, the session is stopped, and memory was flat',
  { timeout: 30_000 },
  async () => {
    const chunk = Buffer.alloc(65_536)
    let sent = 0
    let stopped = false
    const endless = await createRawSession((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n')
        const more = () => {
          while (!socket.destroyed && socket.write(chunk)) sent += chunk.length
        }
        socket.on('drain', more)
        socket.once('close', () => (stopped = true))
        more()
      })
    })
    const made = doorsTo(endless.port)
    const gate = await createStand(made.doors)
    const reader = connect(gate.port, '127.0.0.1')
    reader.on('error', () => {})
    reader.write(requestText({ headers: { Cookie: cookieOf(made.pass) } }))
    const before = process.memoryUsage.rss()
    // Nobody reads: what was sent stands still far below what would be sent.
    reader.pause()
    let last = -1
    while (sent !== last) {
      last = sent
      await delay(200)
    }
    expect(sent).toBeLessThan(64 * 1_048_576)
    let read = 0
    reader.on('data', (data) => (read += data.length))
    reader.resume()
    await eventually(() => read > 100 * 1_048_576, '100 MiB pass', 20_000)
    expect(process.memoryUsage.rss() - before).toBeLessThan(80 * 1_048_576)
    reader.destroy()
    await eventually(() => stopped && gate.gateway.live.all().length === 0, 'the session is stopped')
    await gate.close()
    await endless.close()
  },
)

test('nothing of a ticket, a cookie or a query was ever warned about', () => {
  expect(stand.warnings).toEqual([])
  expect(publicPort).toBe(8090)
})
