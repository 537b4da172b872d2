import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostileRequests } from '../../support/gateway/hostile-requests.ts'
import {
  ask,
  cookieOf,
  createSession,
  createStand,
  doorsTo,
  eventually,
  heard,
  requestText,
  speak,
} from '../../support/gateway/stand.ts'
import type { Heard } from '../../support/gateway/stand.ts'

/** Everything that the session was asked, to be seen to be empty. */
const arrived: string[] = []
let stand: Awaited<ReturnType<typeof createStand<ReturnType<typeof doorsTo>['doors']>>>
let pass = ''
let port = 0
const closing: (() => Promise<void>)[] = []

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

const cookie = () => ({ Cookie: cookieOf(pass) })
const requests = hostileRequests(() => pass)

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

test('no answer clears the cookies of all doors', async () => {
  for (const length of [40_000, 70_000, 900_000]) {
    const { headers } = await ask(port, { headers: { Cookie: `a=${'b'.repeat(length)}` } })
    expect(headers['clear-site-data'], String(length)).toBeUndefined()
  }
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

test('whoever sends headers slowly is told that it takes too long', async () => {
  const slow = await createStand(stand.doors, { headersMs: 500 })
  const socket = connect(slow.port, '127.0.0.1')
  let said = ''
  socket.on('data', (chunk) => (said += String(chunk)))
  socket.on('error', () => {})
  let closed = false
  socket.once('close', () => (closed = true))
  socket.write('GET / HTTP/1.1\r\n')
  const drip = setInterval(() => socket.writable && socket.write(`Cookie: a=${'b'.repeat(4_000)}\r\n`), 50)
  await eventually(() => closed, 'the connection is closed')
  clearInterval(drip)
  expect(said).toMatch(/^HTTP\/1\.1 408 /)
  await slow.close()
})

test('nothing of a ticket, a cookie or a query was ever warned about', () => {
  expect(stand.warnings).toEqual([])
})
