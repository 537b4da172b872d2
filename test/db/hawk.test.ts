import { createHash, createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServer } from '../../api/server.ts'
import type { ApiServer } from '../../api/server.ts'
import { forgetNonces } from '../../db/hawk-nonces.ts'
import { startApi } from '../setup/api.ts'
import type { Answer, Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let server: ApiServer
let origin: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  server = createServer({ app: api.app.app, streams: api.app.streams, host: '127.0.0.1', port: 0 })
  origin = `http://127.0.0.1:${(await server.listen()).port}`
})
afterAll(async () => {
  await server.close()
  await api.close()
})

interface Key {
  readonly id: string
  readonly secret: string
}

async function key(scopes: readonly string[] = ['read', 'projects'], whose: Person = me): Promise<Key> {
  const made = await api.call('POST', '/v1/hawk-keys', {
    token: whose.token,
    body: { name: 'A robot', client: 'robot', scopes },
  })
  expect(made.status).toBe(201)
  return { id: made.body.id, secret: made.body.secret }
}

interface Signing {
  readonly method?: string
  readonly path?: string
  readonly body?: string
  readonly ts?: number
  readonly nonce?: string
  readonly host?: string
  readonly port?: number
  /** Leaves the body unsigned. */
  readonly bodyUnsaid?: boolean
}

const now = () => Math.floor(Date.now() / 1_000)
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64')

/** Signs as the specification says, by nothing of ours. */
function signed({ id, secret }: Key, asked: Signing = {}): string {
  const { method = 'GET', path = '/v1/whoami', body, host = 'carrel.test', port = 443 } = asked
  const { ts = now(), nonce = randomUUID(), bodyUnsaid = false } = asked
  const hash = body === undefined || bodyUnsaid ? '' : sha256(`hawk.1.payload\napplication/json\n${body}\n`)
  const text = `hawk.1.header\n${ts}\n${nonce}\n${method}\n${path}\n${host}\n${port}\n${hash}\n\n`
  const mac = createHmac('sha256', secret).update(text).digest('base64')
  return `Hawk id="${id}", ts="${ts}", nonce="${nonce}", ${hash === '' ? '' : `hash="${hash}", `}mac="${mac}"`
}

/** Over a connection, as machines come. */
async function send(authorization: string, asked: Signing = {}, headers: Record<string, string> = {}): Promise<Answer> {
  const { method = 'GET', path = '/v1/whoami', body } = asked
  const answer = await fetch(`${origin}${path}`, {
    method,
    headers: {
      authorization,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text, body: text === '' ? {} : JSON.parse(text) }
}

const makesProject: Signing = { method: 'POST', path: '/v1/projects', body: '{"name":"Signed"}' }

test('a key is shown once, kept sealed, listed without itself, and not taken for a token', async () => {
  const idempotency = randomUUID()
  const ask = { token: me.token, key: idempotency, body: { name: 'n', client: 'robot', scopes: ['read'] } }
  const made = await api.call('POST', '/v1/hawk-keys', ask)
  expect(made.status).toBe(201)
  const { secret, id } = made.body
  const again = await api.call('POST', '/v1/hawk-keys', ask)
  expect(again).toMatchObject({ status: 200, body: { id, secretShown: true } })
  expect(again.body).not.toHaveProperty('secret')

  const listed = await api.call('GET', '/v1/hawk-keys', { token: me.token })
  expect(listed.body.items.map((each) => each.id)).toContain(id)
  const tokens = await api.call('GET', '/v1/tokens', { token: me.token })
  expect(tokens.body.items.map((each) => each.id)).not.toContain(id)
  expect((await api.call('DELETE', `/v1/tokens/${id}`, { token: me.token })).status).toBe(404)

  const kept = [
    await api.db.selectFrom('idempotency_key').selectAll().execute(),
    await api.db.selectFrom('audit_event').selectAll().execute(),
    listed.body,
    api.logged,
  ]
  expect(JSON.stringify(kept)).not.toContain(secret)
  const row = await api.db.selectFrom('hawk_key').selectAll().where('token_id', '=', id).executeTakeFirstOrThrow()
  expect(row.key.includes(Buffer.from(secret))).toBe(false)
  expect((await api.call('GET', '/v1/whoami', { token: secret })).status).toBe(401)
})

test('who signs is who the key belongs to, within its scopes, by the name of its client', async () => {
  const made = await key()
  const who = await send(signed(made))
  expect(who).toMatchObject({
    status: 200,
    body: { account: { id: me.id }, client: 'robot', tokenId: made.id, scopes: ['read', 'projects'] },
  })
  expect((await send(signed(made, makesProject), makesProject)).status).toBe(201)
  const reads = await key(['read'])
  expect((await send(signed(reads, makesProject), makesProject)).status).toBe(403)
  // As it is sent, however it would be written otherwise.
  const path = "/v1/projects?limit=5&search=a'b%20c"
  const plainly = get({ port: new URL(origin).port, path, headers: { authorization: signed(made, { path }) } })
  const [answer] = (await once(plainly, 'response')) as [IncomingMessage]
  answer.resume()
  expect(answer.statusCode).not.toBe(401)
})

describe('what is not signed as it must be is refused, and never why', () => {
  const refusals: Record<string, (made: Key) => [string, Signing?]> = {
    'an unknown key': (made) => [signed({ ...made, id: 'k0unknown' })],
    'another secret': (made) => [signed({ ...made, secret: `${made.secret}x` })],
    'another path': (made) => [signed(made, { path: '/v1/sessions' })],
    'another query': (made) => [signed(made, { path: '/v1/projects?limit=2' }), { path: '/v1/projects?limit=20' }],
    'another method': (made) => [signed(made, { method: 'HEAD' })],
    'another host': (made) => [signed(made, { host: 'elsewhere.test' })],
    'another port': (made) => [signed(made, { port: 80 })],
    'a time long ago': (made) => [signed(made, { ts: now() - 62 })],
    'a time to come': (made) => [signed(made, { ts: now() + 120 })],
    'another body': (made) => [signed(made, makesProject), { ...makesProject, body: '{"name":"Sighed"}' }],
    'a body that is not signed': (made) => [signed(made, { ...makesProject, bodyUnsaid: true }), makesProject],
    'no body where one is signed': (made) => [signed(made, { ...makesProject, path: '/v1/whoami', method: 'GET' })],
    'what is no header': () => ['Hawk'],
    'another attribute': (made) => [`${signed(made)}, app="x"`],
  }
  test.each(Object.keys(refusals))('%s', async (name) => {
    const [authorization, asked] = refusals[name]?.(await key()) ?? ['']
    const before = await api.db.selectFrom('project').select('id').execute()
    const answer = await send(authorization, asked)
    expect(answer).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated', detail: 'The request is not signed as it must be.' },
    })
    expect(answer.headers.get('www-authenticate')).toBe('Hawk')
    expect(await api.db.selectFrom('project').select('id').execute()).toEqual(before)
  })

  test('what a browser is signed in with does not stand in for it', async () => {
    const answer = await send('Hawk', {}, { cookie: 'carrel=cb_x' })
    expect(answer.status).toBe(401)
  })
})

describe('what was signed once is taken once', () => {
  test('also by another process, and at the same moment', async () => {
    const made = await key()
    const authorization = signed(made)
    const other = api.another()
    const ask = async () => (await other.app.request('/v1/whoami', { headers: { authorization } })).status
    const answers = await Promise.all([send(authorization).then(({ status }) => status), ask(), ask()])
    expect(answers.sort()).toEqual([200, 401, 401])
    expect((await send(authorization)).status).toBe(401)
  })

  test('one that is dated ahead is remembered until its own time is over', async () => {
    const made = await key()
    const ts = now() + 50
    expect((await send(signed(made, { ts, nonce: 'ahead' }))).status).toBe(200)
    const row = await api.db
      .selectFrom('hawk_nonce')
      .selectAll()
      .where('token_id', '=', made.id as never)
      .executeTakeFirstOrThrow()
    expect(row.expires_at.getTime()).toBe((ts + 65) * 1_000)
  })

  test('and is forgotten when it would be refused for its age', async () => {
    const made = await key()
    await send(signed(made, { nonce: 'old' }))
    await send(signed(made, { nonce: 'new' }))
    const expires_at = new Date(Date.now() - 1_000)
    await api.db.updateTable('hawk_nonce').set({ expires_at }).where('nonce', '=', 'old').execute()
    // Beside those of earlier tests, on a machine that took more than a minute for them.
    expect((await forgetNonces(api.db)).done).toBeGreaterThanOrEqual(1)
    const left = await api.db.selectFrom('hawk_nonce').select('nonce').where('nonce', 'in', ['old', 'new']).execute()
    expect(left).toEqual([{ nonce: 'new' }])
  })
})

describe('a key gives at most what its account has', () => {
  test('nobody gives what they do not have, nor what a signature does not cover', async () => {
    const weak = await api.token(me.id, ['tokens'])
    const make = (token: string, scopes: string[], more = {}) =>
      api.call('POST', '/v1/hawk-keys', { token, body: { name: 'n', scopes, ...more } })
    expect((await make(weak, ['sessions'])).status).toBe(403)
    expect((await make(me.token, ['provision'])).status).toBe(403)
    const admin = await api.person({ roles: ['admin'] })
    expect((await make(admin.token, ['act-as'])).status).toBe(422)
    const made = await make(admin.token, ['provision'], { accountId: me.id })
    expect(made.body).toMatchObject({ accountId: me.id, scopes: ['provision'] })
    const handedOver = { path: '/v1/provisioner/instances' }
    const robot = { id: made.body.id, secret: made.body.secret }
    expect((await send(signed(robot, handedOver), handedOver)).status).toBe(200)
  })

  test('its rights are those of the account at that moment', async () => {
    const admin = await api.person({ roles: ['admin'] })
    const made = await key(['admin'], admin)
    const lists = { path: '/v1/admin/maintenance' }
    expect((await send(signed(made, lists), lists)).status).toBe(200)
    await api.db
      .updateTable('account')
      .set({ roles: ['member'] })
      .where('id', '=', admin.id)
      .execute()
    expect((await send(signed(made, lists), lists)).status).toBe(403)
  })

  test('it acts for nobody else', async () => {
    const made = await key()
    expect((await send(signed(made), {}, { 'carrel-on-behalf-of': me.id })).status).toBe(403)
  })

  test.each(['revoked', 'expired', 'of a disabled account'])('%s, it is worth nothing', async (how) => {
    const owner = await api.person()
    const made = await key(['read'], owner)
    expect((await send(signed(made))).status).toBe(200)
    if (how === 'revoked') {
      const gone = await api.call('DELETE', `/v1/hawk-keys/${made.id}`, { token: owner.token })
      expect(gone.status).toBe(204)
      const row = api.db
        .selectFrom('hawk_key')
        .select('key')
        .where('token_id', '=', made.id as never)
      expect((await row.executeTakeFirstOrThrow()).key).toHaveLength(0)
    } else if (how === 'expired')
      await api.db
        .updateTable('token')
        .set({ expires_at: new Date(Date.now() - 1_000) })
        .where('id', '=', made.id as never)
        .execute()
    else await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', owner.id).execute()
    expect((await send(signed(made))).status).toBe(401)
  })

  test('it is forgotten with its account that is disabled, and those of others are not', async () => {
    const [owner, admin] = [await api.person(), await api.person({ roles: ['admin'] })]
    const [made, other] = [await key(['read'], owner), await key()]
    const kept = async ({ id }: Key): Promise<number> =>
      (
        await api.db
          .selectFrom('hawk_key')
          .select('key')
          .where('token_id', '=', id as never)
          .executeTakeFirstOrThrow()
      ).key.length
    expect(await kept(made)).toBeGreaterThan(0)
    const gone = await api.call('POST', `/v1/accounts/${owner.id}/disable`, { token: admin.token, key: null })
    expect([gone.status, await kept(made)]).toEqual([200, 0])
    expect(await kept(other)).toBeGreaterThan(0)
  })

  test('strangers do not end it, and admins do', async () => {
    const made = await key()
    const stranger = await api.person()
    const admin = await api.person({ roles: ['admin'] })
    const end = async ({ token }: Person) => (await api.call('DELETE', `/v1/hawk-keys/${made.id}`, { token })).status
    expect(await end(stranger)).toBe(404)
    expect(await end(admin)).toBe(204)
    expect(await end(admin)).toBe(204)
  })
})
