import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
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

test('while Temporal is down, asking for a session and asking it to stop are 202 in the usual time', async () => {
  const begun = Date.now()
  const made = await ask('POST', '/v1/sessions', { templateId: await api.template() })
  expect([made.status, made.body.state]).toEqual([202, 'requested'])
  const stopped = await ask('POST', `/v1/sessions/${made.body.id}/stop`)
  expect(stopped.status).toBe(202)
  expect(Date.now() - begun).toBeLessThan(8_000)
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
