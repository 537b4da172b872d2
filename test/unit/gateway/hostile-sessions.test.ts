import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { session } from '../../support/gateway/memory-doors.ts'
import type { accessTo } from '../../support/gateway/memory-doors.ts'
import {
  ask,
  cookieOf,
  createRawSession,
  createStand,
  doorsTo,
  eventually,
  ownOrigin,
  requestText,
} from '../../support/gateway/stand.ts'
import { liveBytes } from '../../support/live-memory.ts'

const own = ownOrigin()

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
  { timeout: 90_000 },
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
    const before = liveBytes()
    // Nobody reads: what was sent stands still far below what would be sent.
    reader.pause()
    let last = -1
    while (sent !== last) {
      last = sent
      await delay(200)
    }
    expect(sent).toBeLessThan(64 * 1_048_576)
    let read = 0
    const held: number[] = []
    reader.on('data', (data) => {
      read += data.length
      if (read > (held.length + 1) * 50 * 1_048_576) held.push(liveBytes())
    })
    reader.resume()
    await eventually(() => read > 400 * 1_048_576, '400 MiB pass', 50_000)
    expect(Math.max(...held) - before).toBeLessThan(16 * 1_048_576)
    reader.destroy()
    await eventually(() => stopped && gate.gateway.live.all().length === 0, 'the session is stopped')
    await gate.close()
    await endless.close()
  },
)
