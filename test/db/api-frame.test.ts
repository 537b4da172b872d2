import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../api/app.ts'
import { createServer } from '../../api/server.ts'
import { connect } from '../../db/connect.ts'
import { createCodec } from '../../platform/temporal/codec.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { callApp, capability, keyring, portalOrigin, startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let operator: Person

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  operator = await api.person({ roles: ['operator'] })
})
afterAll(() => api.close())

test.each([
  ['POST', '/v1/projects', { token: 'no', body: '{' }, 401, 'unauthenticated'],
  ['GET', '/v1/nothing', {}, 404, 'not_found'],
  ['GET', '/', {}, 404, 'not_found'],
  ['PATCH', '/v1/sessions/s123', {}, 405, 'method_not_allowed'],
  ['POST', '/openapi.json', {}, 405, 'method_not_allowed'],
] as const)('%s %s is a problem document', async (method, path, ask, status, code) => {
  const answer = await api.call(method, path, ask)
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.body).toEqual({
    type: `urn:carrel:problem:${code}`,
    title: expect.any(String) as string,
    status,
    detail: expect.any(String) as string,
    code,
    requestId: answer.headers.get('x-request-id'),
  })
})

test('a wrong method says which are right', async () => {
  expect((await api.call('PATCH', '/v1/sessions/s123')).headers.get('allow')).toBe('GET, HEAD, DELETE')
  expect((await api.call('DELETE', '/v1/quotas/account/a1')).headers.get('allow')).toBe('GET, HEAD, PUT')
})

test('a body that is no JSON, not well formed, too large or of another type is told apart', async () => {
  const post = (body: string, type = 'application/json') =>
    api.call('POST', '/v1/projects', { token: me.token, body, headers: { 'content-type': type } })
  expect((await post('{"name"')).body.code).toBe('malformed_request')
  expect((await post('')).body.code).toBe('malformed_request')
  expect((await post(`{"name":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)).body.code).toBe('malformed_request')
  expect((await post('{"name":"x"}', 'text/plain')).body.code).toBe('unsupported_media_type')
  expect((await post('[]')).body.code).toBe('invalid_request')
  expect((await post(JSON.stringify({ name: 'x'.repeat(300_000) }))).body.code).toBe('payload_too_large')
  expect((await post('{"name":"x"}', 'application/json; charset=utf-8')).status).toBe(201)
  const faults = (await post('{"name":"","extra":1,"__proto__":{"a":1}}')).body.errors.map((e) => e.pointer)
  expect(faults).toEqual(expect.arrayContaining(['/name', '/extra']))
})

test('a request id is kept if it is a plain one', async () => {
  const ask = (id: string) => api.call('GET', '/healthz', { headers: { 'x-request-id': id } })
  expect((await ask('abcd-1234')).headers.get('x-request-id')).toBe('abcd-1234')
  expect((await ask('a b"c<script>')).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('every answer is guarded, errors too', async () => {
  for (const path of ['/healthz', '/v1/nothing', '/v1/whoami']) {
    const { headers } = await api.call('GET', path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  }
})

test('pages of configured origins may call, without credentials; others may not', async () => {
  const preflight = (origin: string, path = '/v1/sessions') =>
    api.call('OPTIONS', path, {
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    })
  const mine = await preflight(portalOrigin)
  expect(mine.status).toBe(204)
  expect(mine.headers.get('access-control-allow-origin')).toBe(portalOrigin)
  expect(mine.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('idempotency-key')
  expect(mine.headers.has('access-control-allow-credentials')).toBe(false)
  for (const origin of [
    'https://portal.example.org.evil.org',
    'http://portal.example.org',
    'null',
    'http://127.0.0.1:8233',
  ])
    expect((await preflight(origin)).headers.has('access-control-allow-origin')).toBe(false)
  const refused = await api.call('GET', '/v1/whoami', { headers: { origin: portalOrigin } })
  expect(refused.status).toBe(401)
  expect(refused.headers.get('access-control-allow-origin')).toBe(portalOrigin)
  expect(refused.headers.get('access-control-expose-headers')).toContain('ETag')
})

test('requests are counted per account and client, said in the standard headers, and refused above the limit', async () => {
  const small = api.another({ rateLimitPerMinute: 3 })
  const ask = (token: string) => callApp(small, 'GET', '/v1/whoami', { token })
  const first = await ask(me.token)
  expect(first.headers.get('ratelimit-policy')).toBe('"default";q=3;w=60')
  expect(first.headers.get('ratelimit')).toMatch(/^"default";r=2;t=\d+$/)
  await ask(me.token)
  await ask(me.token)
  const refused = await ask(me.token)
  expect(refused.body).toMatchObject({ status: 429, code: 'too_many_requests' })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.headers.get('ratelimit')).toMatch(/r=0/)
  expect((await ask(await api.token(me.id, ['read'], 'cli'))).status).toBe(200)
  expect((await ask(operator.token)).status).toBe(200)
})

test('status, health and readiness need nobody; metrics need an operator', async () => {
  await api.db
    .insertInto('dependency_status')
    .values({
      name: 'temporal',
      state: 'degraded',
      latency_ms: 12,
      since: new Date(0),
      checked_at: new Date(0),
      detail: 'at 10.0.0.1',
    })
    .execute()
  await api.db
    .insertInto('beat')
    .values([
      { role: 'core', at: new Date() },
      { role: 'provider/fake', at: new Date(0) },
    ])
    .execute()
  const status = await api.call('GET', '/v1/status')
  expect(status.body.state).toBe('degraded')
  expect(status.body.dependencies).toMatchObject([
    { name: 'database', state: 'ok' },
    { name: 'temporal', state: 'degraded', latencyMs: 12, since: '1970-01-01T00:00:00.000Z' },
    { name: 'provider/fake', state: 'ok' },
    { name: 'worker/core', state: 'ok' },
    { name: 'worker/provider/fake', state: 'down', since: '1970-01-01T00:00:00.000Z' },
    { name: 'installation', state: 'ok' },
    { name: 'sweep/fake', state: 'ok' },
  ])
  expect(JSON.stringify(status.body)).not.toContain('10.0.0.1')
  const retire = (at: Date | null) => api.db.updateTable('provider').set({ disabled_at: at }).execute()
  await retire(new Date())
  const left = [{ name: 'database' }, { name: 'temporal' }, { name: 'worker/core' }, { name: 'installation' }]
  expect((await api.call('GET', '/v1/status')).body.dependencies).toMatchObject(left)
  await retire(null)
  expect((await api.call('GET', '/healthz')).body).toEqual({ status: 'ok' })
  expect((await api.call('GET', '/readyz')).status).toBe(200)
  const metrics = await api.call('GET', '/metrics', { token: operator.token })
  expect(metrics.headers.get('content-type')).toMatch(/^text\/plain/)
  expect(
    metrics.text.includes('carrel_http_request_seconds_count{process="api",operation="getHealth",status="200"}'),
  ).toBe(true)
  expect(metrics.text).toContain('carrel_sessions{state="requested",process="api"}')
  for (const name of ['decision_overdue', 'cleanup_overdue', 'expiry_overdue', 'undelivered'])
    expect(metrics.text).toContain(`carrel_${name}{`)
  expect((await api.call('GET', '/metrics', { token: me.token })).status).toBe(403)
})

test('readiness is refused while the process ends, and before the database is migrated', async () => {
  const ending = createAppOn(api, { isServing: false })
  expect((await callApp(ending, 'GET', '/readyz')).body).toMatchObject({ status: 503, code: 'unavailable' })
  await api.db.deleteFrom('kysely_migration' as never).execute()
  expect((await api.call('GET', '/readyz')).status).toBe(503)
})

test('without its database the api says so, and tells nobody why', async () => {
  const url = new URL(api.url)
  url.port = '1'
  const lost = createAppOn(api, { url: url.href })
  const answer = await callApp(lost, 'GET', '/v1/whoami', { token: me.token })
  expect(answer.body).toMatchObject({ status: 503, code: 'unavailable' })
  expect(answer.headers.get('retry-after')).toBe('5')
  expect(JSON.stringify(answer.body)).not.toMatch(/ECONN|127\.0\.0\.1/)
  expect((await callApp(lost, 'GET', '/v1/status')).body).toMatchObject({
    state: 'down',
    dependencies: [{ name: 'database', state: 'down' }],
  })
  expect((await callApp(lost, 'GET', '/readyz')).status).toBe(503)
  expect((await callApp(lost, 'GET', '/healthz')).status).toBe(200)
})

test('the log names operations, never paths, tokens or bodies', async () => {
  await api.call('GET', '/v1/whoami?secret=in-the-query', { token: me.token })
  await api.call('GET', '/v1/secret-in-the-path')
  const log = api.logged.join('\n')
  expect(log).toContain('"operation":"whoami"')
  expect(log).not.toMatch(/in-the-query|in-the-path|carrel_[A-Za-z0-9]/)
})

test('the codec decodes for the Temporal UI alone, and its path is in no log', async () => {
  const [sealed] = await createCodec(keyring).encode([
    { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('"hello"') },
  ])
  const base64 = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64')
  const ours = {
    metadata: Object.fromEntries(Object.entries(sealed?.metadata ?? {}).map(([k, v]) => [k, base64(v)])),
    data: base64(sealed?.data),
  }
  const foreign = { metadata: { encoding: base64(Buffer.from('json/plain')) }, data: base64(Buffer.from('1')) }
  const path = `/v1/admin/codec/${capability}/decode`
  const body = { payloads: [ours, foreign] }
  const ui = { origin: 'http://127.0.0.1:8233', 'x-namespace': 'carrel' }
  const decoded = await api.call('POST', path, { body, headers: ui })
  expect(decoded.status).toBe(200)
  expect(decoded.headers.get('access-control-allow-origin')).toBe('http://127.0.0.1:8233')
  expect(decoded.body.payloads).toEqual([{ ...foreign, data: base64(Buffer.from('"hello"')) }, foreign])
  for (const wrong of [`x${capability.slice(1)}`, capability.slice(1), 'x', ''])
    expect((await api.call('POST', path.replace(capability, wrong), { body })).body.code).toBe('not_found')
  expect((await callApp(api.another({ codecCapability: null }), 'POST', path, { body })).status).toBe(404)
  const preflight = await api.call('OPTIONS', path, { headers: { ...ui, origin: portalOrigin } })
  expect(preflight.headers.has('access-control-allow-origin')).toBe(false)
  const log = api.logged.join('\n')
  expect(log).not.toContain(capability)
  expect(log).not.toContain('decodePayloads')
})

test('the description is OpenAPI 3.1, and its reference page loads from here alone', async () => {
  const { body } = await api.call('GET', '/openapi.json')
  expect(body.openapi).toBe('3.1.0')
  expect(Object.keys(body.paths)).toContain('/v1/sessions/{sessionId}/events')
  expect(body).toEqual(JSON.parse(JSON.stringify(api.app.description)))
  const page = await api.call('GET', '/docs')
  expect(page.headers.get('content-security-policy')).toMatch(/script-src 'self';/)
  const links = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => String(link))
  expect(links.length).toBeGreaterThan(3)
  for (const link of links) expect((await api.call('GET', link)).status).toBe(200)
})

test('a real server ends with its streams open', async () => {
  const other = api.another()
  const server = createServer({ app: other.app, streams: other.streams, host: '127.0.0.1', port: 0 })
  const { port } = await server.listen()
  const answer = await fetch(`http://127.0.0.1:${port}/v1/events?after=now`, {
    headers: { authorization: `Bearer ${me.token}`, accept: 'text/event-stream' },
  })
  expect(answer.status).toBe(200)
  const begun = Date.now()
  const [text] = await Promise.all([answer.text(), server.close()])
  expect(text).toMatch(/retry: 1000\n\n$/)
  expect(Date.now() - begun).toBeLessThan(5_000)
})

/** An api like that of the tests, but ending, or on another database. */
function createAppOn(like: TestApi, { isServing = true, url }: { isServing?: boolean; url?: string }) {
  return createApp({
    db: url === undefined ? like.db : connect({ url }),
    listener: like.listener,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    metrics: createMetrics('api'),
    settings: {
      corsOrigins: [],
      rateLimitPerMinute: 10,
      doors: null,
      directDoors: false,
      codecCapability: null,
      temporalUiOrigin: null,
    },
    digest: () => undefined,
    sealParameters: () => Buffer.alloc(0),
    openInstanceSecret: () => '',
    mintInstanceSecret: () => Buffer.alloc(0),
    sealProviderSecrets: () => Buffer.alloc(0),
    sealInvitationCode: () => Buffer.alloc(0),
    openHandover: () => ({ secret: '', environment: {}, report: null }),
    hawk: { host: 'carrel.test', port: 443, seal: () => Buffer.alloc(0), open: () => '' },
    decodePayloads: (payloads) => payloads,
    isServing: () => isServing,
  })
}
