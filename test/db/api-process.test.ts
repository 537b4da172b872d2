import { randomBytes, randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { problemOfUnread } from '../../api/unread.ts'
import { startChild } from '../../stack/child.ts'
import type { Child } from '../../stack/child.ts'
import { freePort } from '../../stack/ports.ts'
import { startApi } from '../setup/api.ts'
import type { Body, Person, TestApi } from '../setup/api.ts'

/** A process of its own on the same database, whose Temporal is not there. */
let api: TestApi
let me: Person
let child: Child
let url: string
const lines: string[] = []

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  child = await startChild({
    name: 'api',
    command: process.execPath,
    args: ['api/main.ts'],
    cwd: join(import.meta.dirname, '../..'),
    env: {
      PATH: process.env['PATH'],
      CARREL_ENV: 'development',
      CARREL_DATABASE_URL: api.url,
      CARREL_TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`,
      CARREL_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      CARREL_API_PORT: String(port),
      CARREL_ISSUERS: JSON.stringify([
        { id: 'away', name: 'Away', issuer: `http://127.0.0.1:${await freePort()}`, clientId: 'carrel' },
      ]),
      CARREL_RETURN_URLS: 'https://portal.example.org/signed-in',
    },
    onLine: (line) => lines.push(line),
  })
  await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), {
    timeout: 60_000,
    interval: 50,
  })
})
afterAll(async () => {
  await child.kill()
  await api.close()
})

const ask = async (method: string, path: string, body?: object) => {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${me.token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Body }
}

test('while an issuer is away the api serves, and says so to who would sign in there', async () => {
  const methods = await ask('GET', '/v1/sign-in-methods')
  expect(methods.body.items).toMatchObject([{ id: 'away' }])
  const begun = await fetch(`${url}/v1/sign-in/away`, { redirect: 'manual' })
  expect(begun.headers.get('location')).toBe('https://portal.example.org/signed-in?signInError=provider_unavailable')
})

test('while Temporal is down, asking for a session and asking it to stop are 202 in the usual time', async () => {
  const begun = Date.now()
  const made = await ask('POST', '/v1/sessions', { templateId: await api.template() })
  expect([made.status, made.body.state]).toEqual([202, 'requested'])
  const stopped = await ask('POST', `/v1/sessions/${made.body.id}/stop`)
  expect(stopped.status).toBe(202)
  expect(Date.now() - begun).toBeLessThan(20_000)
})

/** The whole answer to bytes that are sent as they are. */
const raw = (bytes: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', timeout: 10_000 })
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    socket.once('end', () => resolve(text)).once('error', reject)
    socket.once('timeout', () => socket.destroy(new Error('no answer')))
    socket.write(bytes)
  })

test.each([
  ['a host that is none', 'GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n', 400, 'malformed_request'],
  ['a method that is none', 'FOO /healthz HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'malformed_request'],
  ['large headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
])('%s is a problem too', async (_what, bytes, status, code) => {
  const [head = '', body = ''] = (await raw(bytes)).split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(head.toLowerCase()).toContain('content-type: application/problem+json')
  expect(JSON.parse(body)).toMatchObject({ status, code })
})

test('a request that does not arrive in time is told so', () => {
  const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  expect(problemOfUnread(late).code).toBe('request_timeout')
})

test('asked to end it tells its streams, and ends', async () => {
  const answer = await fetch(`${url}/v1/events?after=now`, {
    headers: { authorization: `Bearer ${me.token}`, accept: 'text/event-stream' },
  })
  const [text] = await Promise.all([answer.text(), child.stop()])
  expect(text).toMatch(/retry: 1000\n\n$/)
  expect(await child.ended).toEqual({ code: 0, signal: null })
  expect(lines.join('\n')).not.toContain(me.token)
})
