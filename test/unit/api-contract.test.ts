import { expect, test } from 'vitest'
import { createApp } from '../../api/app.ts'
import { methodsOf, routes } from '../../api/registry.ts'
import { connect } from '../../db/connect.ts'
import { needsRelation } from '../../domain/authorization.ts'
import { createMetrics } from '../../platform/metrics.ts'

/** Nothing of it is asked: the app begins nothing by itself. */
const { description, app } = createApp({
  db: connect({ url: 'postgres://nobody@127.0.0.1:1/none' }),
  listener: { on: () => () => {} },
  log: { info: () => {}, warn: () => {}, error: () => {} },
  metrics: createMetrics('api'),
  settings: {
    corsOrigins: [],
    rateLimitPerMinute: 1,
    doors: null,
    directDoors: false,
    codecCapability: null,
    temporalUiOrigin: null,
  },
  digest: () => undefined,
  openInstanceSecret: () => '',
  mintInstanceSecret: () => Buffer.alloc(0),
  sealParameters: () => Buffer.alloc(0),
  sealProviderSecrets: () => Buffer.alloc(0),
  sealInvitationCode: () => Buffer.alloc(0),
  openHandover: () => ({ secret: '', environment: {}, report: null }),
  hawk: { host: 'carrel.test', port: 443, seal: () => Buffer.alloc(0), open: () => '' },
  decodePayloads: (payloads) => payloads,
  isServing: () => true,
})

interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly tags?: string[]
  readonly security?: unknown[]
  readonly parameters?: { in: string; name: string; required?: boolean }[]
  readonly requestBody?: { required?: boolean }
  readonly responses: Record<string, { description: string; content?: Record<string, unknown> }>
}
const operations = Object.entries(description.paths ?? {}).flatMap(([path, item]) =>
  Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({
    name: `${method} ${path}`,
    path,
    method,
    operation,
    // Every operation of the description is a route: the test below says so.
    route: routes.find((route) => route.operationId === operation.operationId),
  })),
)

test('everything that is served is in the registry, and described', () => {
  expect(operations.map((o) => o.operation.operationId).sort()).toEqual(routes.map((r) => r.operationId).sort())
  const served = app.routes.filter((r) => r.method !== 'ALL').map((r) => r.path)
  const known = [
    ...routes.map((r) => r.path.replaceAll(/\{(\w+)\}/g, ':$1')),
    '/openapi.json',
    '/docs',
    '/invitation',
    '/device',
  ]
  expect(
    [...new Set(served)].filter((path) => !known.includes(path) && !/^\/(docs|invitation|device)\//.test(path)),
  ).toEqual([])
})

test('operation ids are unique', () => {
  expect(new Set(routes.map((r) => r.operationId)).size).toBe(routes.length)
})

test.each(routes.map((r) => r.path))('%s has no colon: the router would read it as a parameter', (path) => {
  expect(path).not.toContain(':')
  expect(path).toMatch(/^(\/[a-z0-9-]+|\/\{[a-zA-Z]+\})+$/)
})

/** Refuse by a document of RFC 6749's. */
const oauth = ['/v1/token', '/v1/device-authorizations']

test.each(operations)('$name says what it is, and what may go wrong', ({ operation, route, path }) => {
  expect(operation.summary).toMatch(/^[A-Z].{8,}/)
  expect(operation.tags).toHaveLength(1)
  const { '500': internal, '503': unavailable, ...others } = operation.responses
  for (const problem of [internal, unavailable]) expect(problem?.content).toHaveProperty('application/problem+json')
  for (const [status, answer] of Object.entries(others)) {
    expect(answer.description.length).toBeGreaterThan(3)
    const type = status === '400' && oauth.includes(path) ? 'application/json' : 'application/problem+json'
    if (Number(status) >= 400) expect(Object.keys(answer.content ?? {})).toEqual([type])
  }
  const signedIn = operation.security !== undefined
  // Or where it is said in the request itself who somebody is.
  const proves = ['/v1/sign-in/user-office', '/v1/sign-in/umbrella'].includes(path)
  expect(Object.keys(others).includes('401')).toBe(signedIn || proves)
  // Who signs in is counted by address.
  const counted = signedIn || (route?.right === 'sign-in' && route.path !== '/v1/sign-in-methods')
  expect(Object.keys(others).includes('429')).toBe(counted)
  expect(['status:read', 'codec:decode', 'sign-in'].includes(route?.right ?? '')).toBe(!signedIn)
})

test.each(operations)('$name: bodies are required', ({ operation }) => {
  if (operation.requestBody !== undefined) expect(operation.requestBody.required).toBe(true)
})

const header = (operation: Operation, name: string) =>
  operation.parameters?.find((p) => p.in === 'header' && p.name === name)

test.each(
  operations.filter(
    (o) => o.method === 'post' && '201' in o.operation.responses && o.path !== '/v1/sessions/{sessionId}/connections',
  ),
)('$name creates: it takes an idempotency key', ({ operation, route }) => {
  expect(route?.creates).toBe(true)
  expect(header(operation, 'idempotency-key')).toMatchObject({ required: true })
})

test.each(operations.filter((o) => o.method === 'put' || o.method === 'patch'))(
  '$name replaces: it takes If-Match',
  ({ operation, route }) => {
    expect(route?.replaces).toBe(true)
    expect(header(operation, 'if-match')).toBeDefined()
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['412', '428']))
  },
)

test.each(operations.filter((o) => o.path.startsWith('/v1/') && o.operation.responses['200']?.content !== undefined))(
  '$name: what is a list has pages',
  ({ operation }) => {
    const isList = operation.parameters?.some((p) => p.in === 'query' && p.name === 'limit') ?? false
    expect(/^list|Events$/.test(operation.operationId ?? '')).toBe(isList)
  },
)

test('rights that are about a thing have their thing', () => {
  expect(routes.filter((r) => needsRelation(r.right) && r.subject === undefined).map((r) => r.operationId)).toEqual([])
})

/** Every text that stands under this name, anywhere in a document. */
function valuesOf(document: unknown, name: string): string[] {
  if (typeof document !== 'object' || document === null) return []
  return Object.entries(document).flatMap(([key, value]) =>
    key === name && typeof value === 'string' ? [value] : valuesOf(value, name),
  )
}

test('what is described can be satisfied, and every pattern is one', () => {
  const schemas = description.components?.schemas ?? {}
  const closed = Object.entries(schemas).filter(
    ([, s]) => 'allOf' in s && JSON.stringify(s).includes('additionalProperties'),
  )
  expect(closed.map(([name]) => name)).toEqual([])
  const patterns = valuesOf(description, 'pattern')
  expect(patterns.length).toBeGreaterThan(5)
  for (const pattern of patterns) {
    expect(() => new RegExp(pattern, 'u')).not.toThrow()
    expect(pattern).toMatch(/^\^.*\$$/)
  }
})

test('an address tells its methods', () => {
  expect(methodsOf('/v1/sessions')).toEqual(['POST', 'GET', 'HEAD'])
  expect(methodsOf('/v1/sessions/s1/stop')).toEqual(['POST'])
  expect(methodsOf('/v1/sessions/s1/stop/now')).toEqual([])
})
