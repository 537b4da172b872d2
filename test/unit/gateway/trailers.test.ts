import { expect, test } from 'vitest'
import { ask, cookieOf, createRawSession, createSession, createStand, doorsTo } from '../../support/gateway/stand.ts'

const says = (head: string, body = '') => `HTTP/1.1 ${head}\r\nTrailer: X-Sum\r\nX-App: kept\r\n${body}`

/** Answers that announce trailers where none can follow. */
const announced: readonly { name: string; says: string; asked?: { method: string }; status: number }[] = [
  { name: 'with a length', says: says('200 OK', 'Content-Length: 2\r\n\r\nok'), status: 200 },
  { name: 'to a HEAD', says: says('200 OK', 'Content-Length: 2\r\n\r\n'), asked: { method: 'HEAD' }, status: 200 },
  { name: 'without a body', says: says('204 No Content', '\r\n'), status: 204 },
  { name: 'to a browser that has all', says: says('304 Not Modified', '\r\n'), status: 304 },
]

test.each(announced)('a session that announces trailers $name harms nobody', async ({ says: text, asked, status }) => {
  const session = await createRawSession((socket) => socket.once('data', () => socket.end(text)))
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors)
  try {
    const headers = { Cookie: cookieOf(pass), 'Sec-Fetch-Site': 'same-origin' }
    const answer = await ask(stand.port, { ...asked, headers })
    expect([answer.status, answer.headers['x-app']]).toEqual([status, ['kept']])
    expect(stand.gateway.live.all()).toEqual([])
  } finally {
    await stand.close()
    await session.close()
  }
})

test('a trailer that echoes the session’s secret is kept back, and the others pass', async () => {
  const session = await createSession((_incoming, response) => {
    response.writeHead(200, { Trailer: 'X-Echo, X-Sum' })
    response.write('ok')
    response.addTrailers({ 'X-Echo': 'token the-secret-of-it', 'X-Sum': '7' })
    response.end()
  })
  const { doors, pass } = doorsTo(session.port, { secret: Buffer.from('the-secret-of-it') })
  const stand = await createStand(doors)
  try {
    const headers = { Cookie: cookieOf(pass), 'Sec-Fetch-Site': 'same-origin' }
    const { body } = await ask(stand.port, { headers })
    expect(body).toContain('X-Sum: 7')
    expect(body).not.toContain('the-secret-of-it')
  } finally {
    await stand.close()
    await session.close()
  }
})

test('a request that announces trailers where none can follow is passed on all the same', async () => {
  const session = await createSession((incoming, response) => response.end(incoming.method))
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors)
  try {
    const headers = { Cookie: cookieOf(pass), 'Sec-Fetch-Site': 'same-origin', Trailer: 'X-Sum' }
    expect((await ask(stand.port, { headers })).body).toBe('GET')
    expect((await ask(stand.port, { method: 'POST', headers, body: 'ab' })).body).toBe('POST')
    expect(stand.warnings).toEqual([])
  } finally {
    await stand.close()
    await session.close()
  }
})
