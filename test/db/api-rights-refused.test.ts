import { afterAll, beforeAll, expect, test } from 'vitest'
import { routes } from '../../api/registry.ts'
import type { Route } from '../../api/route.ts'
import { openBrowserSession } from '../../db/browser-sessions.ts'
import { rights, scopes } from '../../domain/authorization.ts'
import type { Scope } from '../../domain/authorization.ts'
import { usualSessionLimits } from '../../domain/sign-in.ts'
import type { Answer, Ask } from '../setup/api.ts'
import { digestOf } from '../setup/digest.ts'
import type { PreparedRequest } from '../setup/rights-requests.ts'
import { startRightsWorld } from '../setup/rights-world.ts'
import { plainSignIn } from '../setup/sign-in-requests.ts'
import type { RightsWorld } from '../setup/rights-world.ts'

let it: RightsWorld
/** One request of each operation, which whoever has the right may make. */
const prepared = new Map<string, PreparedRequest>()
beforeAll(async () => {
  it = await startRightsWorld()
  for (const { operationId, path } of routes)
    prepared.set(operationId, (await it.requests[operationId]?.()) ?? { path })
})
afterAll(() => it.api.close())

const guarded = routes.filter(({ right }) => rights[right].scope !== null)

async function call(route: Route, change: (ask: Ask, route: Route) => Ask): Promise<Answer> {
  const { path, ask = {} } = prepared.get(route.operationId) ?? { path: route.path }
  return await it.api.call(route.method, path, change(ask, route))
}

/** What of these is not answered as expected; that nothing is another than before is expected here. */
async function walk(
  over: readonly Route[],
  expected: string,
  change: (ask: Ask, route: Route) => Ask,
): Promise<string[]> {
  const before = await digestOf(it.api.db)
  const wrong: string[] = []
  for (const route of over) {
    const { status, body } = await call(route, change)
    const got = `${status} ${body.code}`
    if (got !== expected) wrong.push(`${route.operationId}: ${got}`)
  }
  expect(await digestOf(it.api.db)).toEqual(before)
  return wrong
}

const withToken =
  (token: string) =>
  (ask: Ask): Ask => ({ ...ask, token })

test.each(['disabled', 'expired', 'revoked'] as const)('what is %s is nobody to every route', async (what) => {
  const { db } = it.api
  const { id, token } = await it.api.person({ roles: ['admin'] })
  const past = new Date(Date.now() - 1_000)
  if (what === 'disabled') await db.updateTable('account').set({ disabled_at: past }).where('id', '=', id).execute()
  else if (what === 'expired')
    await db.updateTable('token').set({ expires_at: past }).where('account_id', '=', id).execute()
  else await db.updateTable('token').set({ revoked_at: past }).where('account_id', '=', id).execute()
  expect(await walk(guarded, '401 unauthenticated', withToken(token))).toEqual([])
})

test('nobody acts for a disabled account', async () => {
  const [portal, gone] = [await it.api.person(), await it.api.person()]
  await it.api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', gone.id).execute()
  const acting = (ask: Ask): Ask => ({
    ...ask,
    token: portal.token,
    headers: { ...ask.headers, 'carrel-on-behalf-of': gone.id },
  })
  expect(await walk(guarded, '403 forbidden', acting)).toEqual([])
})

/** Scopes that hold `read`. */
const reading: readonly Scope[] = ['sessions', 'projects', 'admin']
const without = (scope: Scope): Scope[] =>
  scopes.filter((other) => other !== scope && !(scope === 'read' && reading.includes(other)))

test.each(scopes)('who has every scope but %s is refused by every route that needs it', async (scope) => {
  const { id } = await it.api.person({ roles: ['admin'] })
  const token = await it.api.token(id, without(scope))
  const needing = guarded.filter(({ right }) => rights[right].scope === scope)
  expect(await walk(needing, '403 forbidden', withToken(token))).toEqual([])
})

/** Of a browser that an admin is signed in with. */
async function cookieOfAdmin(): Promise<string> {
  const { id } = await it.api.person({ roles: ['admin'] })
  const whose = { accountId: id, issuer: 'https://issuer.example.org', subject: id }
  const { secret } = await it.api.db
    .transaction()
    .execute((trx) => openBrowserSession(trx, { ...whose, limits: usualSessionLimits }))
  return `carrel=${secret}`
}

test('a browser’s cookie changes nothing for a page that does not say whose it is', async () => {
  const cookie = await cookieOfAdmin()
  expect((await it.api.call('GET', '/v1/whoami', { headers: { cookie } })).status).toBe(200)
  const unsafe = guarded.filter(({ method }) => method !== 'GET')
  for (const origin of [{}, { origin: 'http://evil.carrel.test' }]) {
    const asked = ({ headers: { origin: _own, ...headers } = {}, ...ask }: Ask): Ask => ({
      ...ask,
      headers: { ...headers, ...origin, cookie },
    })
    expect(await walk(unsafe, '403 cross_site', asked)).toEqual([])
  }
})

interface Schema {
  readonly [keyword: string]: unknown
}
const isObject = (value: unknown): value is Schema => typeof value === 'object' && value !== null

/** Operations that take JSON, with the schema of it. */
function bodies(): Map<string, Schema> {
  const found = new Map<string, Schema>()
  for (const item of Object.values(it.api.app.description.paths ?? {}))
    for (const operation of Object.values(item as Record<string, Schema>)) {
      const { requestBody, operationId } = operation as {
        readonly operationId: string
        readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> }
      }
      const schema = requestBody?.content['application/json']?.schema
      if (schema !== undefined) found.set(operationId, schema)
    }
  return found
}

/** Bodies that others than Carrel lay down: Temporal's own pages send theirs. */
const foreign = ['decodePayloads']
/** Asks for an instance's own token before it reads. */
const ofInstances = ['reportInstance']
test.each(['ownerId', 'projectId', 'accountId', 'state', 'roles', 'quota', 'limits', 'version', 'createdAt'])(
  'no body sets %s where its schema does not know it',
  async (member) => {
    const known = bodies()
    const over = routes.filter(({ operationId }) => {
      const { ask } = prepared.get(operationId) ?? {}
      const mentions = isObject(ask?.body) && member in ask.body
      return known.has(operationId) && !mentions && ![...foreign, ...ofInstances].includes(operationId)
    })
    expect(over.length).toBeGreaterThan(30)
    const token = it.people.admin.token ?? ''
    const browser = { cookie: await cookieOfAdmin(), origin: plainSignIn.origin }
    const added = (ask: Ask, { attended }: Route): Ask => ({
      ...ask,
      ...(attended ? { headers: { ...ask.headers, ...browser } } : { token }),
      body: { ...(isObject(ask.body) ? ask.body : {}), [member]: 'admin' },
    })
    expect(await walk(over, '422 invalid_request', added)).toEqual([])
  },
)

test('no object anywhere in a body has members that its schema does not name', () => {
  const schemas: Readonly<Record<string, unknown>> = it.api.app.description.components?.schemas ?? {}
  const open = (schema: unknown, path: string, seen: readonly unknown[]): string[] => {
    if (!isObject(schema) || seen.includes(schema)) return []
    const { $ref } = schema
    if (typeof $ref === 'string') return open(schemas[$ref.split('/').at(-1) ?? ''], path, seen)
    const isOpen = schema['properties'] !== undefined && schema['additionalProperties'] !== false
    const within = Object.entries(schema).flatMap(([name, value]) => open(value, `${path}.${name}`, [...seen, schema]))
    return isOpen ? [path, ...within] : within
  }
  expect(bodies().size).toBeGreaterThan(40)
  const found = [...bodies()].flatMap(([operationId, schema]) => open(schema, operationId, []))
  expect(found.filter((path) => !foreign.some((operationId) => path.startsWith(operationId)))).toEqual([])
})

/** Notes that a sign-in has begun, or ends one that the browser began: tied to its cookie. */
const signingIn = ['beginSignIn', 'completeSignIn']

test.each(['admin', 'owner', 'stranger'] as const)('nothing that %s GETs changes anything', async (persona) => {
  const reads = routes.filter(({ method, operationId }) => method === 'GET' && !signingIn.includes(operationId))
  const { token } = it.people[persona]
  const before = await digestOf(it.api.db)
  for (const route of reads) await call(route, withToken(token ?? ''))
  expect(await digestOf(it.api.db)).toEqual(before)
})
