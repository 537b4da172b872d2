import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowserSession } from '../../../db/browser-sessions.ts'
import type { TokenId } from '../../../domain/ids.ts'
import { usualSessionLimits } from '../../../domain/sign-in.ts'
import { callApp, startApi } from '../../setup/api.ts'
import type { Answer, Ask, Person, TestApi } from '../../setup/api.ts'
import { plainSignIn } from '../../setup/sign-in-requests.ts'

const { origin } = plainSignIn
const issuer = 'https://issuer.example.org'

let api: TestApi
let person: Person
beforeAll(async () => {
  api = await startApi({}, { signIn: plainSignIn })
  person = await api.person()
})
afterAll(() => api.close())

const signedIn = async (who = person) =>
  await api.db
    .transaction()
    .execute((trx) =>
      openBrowserSession(trx, { accountId: who.id, issuer, subject: who.id, limits: usualSessionLimits }),
    )

const by = async (secret: string, method: string, path: string, ask: Ask = {}): Promise<Answer> =>
  await api.call(method, path, { ...ask, headers: { cookie: `carrel=${secret}`, ...ask.headers } })

const make = async (secret: string, headers: Record<string, string>) =>
  await by(secret, 'POST', '/v1/projects', { body: { name: 'Mine' }, headers })

test('a cookie speaks for its account, on every route', async () => {
  const { id, secret } = await signedIn()
  const who = await by(secret, 'GET', '/v1/whoami')
  expect(who.body).toMatchObject({ account: { id: person.id }, client: 'browser', tokenId: id })
  expect((await make(secret, { origin })).status).toBe(201)
  // What a token shows openly stands before what goes along by itself.
  const other = await api.person()
  const both = await by(secret, 'GET', '/v1/whoami', { token: other.token })
  expect(both.body.account.id).toBe(other.id)
})

test('a change by a cookie comes from this very origin, or is none', async () => {
  const { secret } = await signedIn()
  const own = [{ origin }, { 'sec-fetch-site': 'same-origin' }]
  for (const headers of own) expect((await make(secret, headers)).status, JSON.stringify(headers)).toBe(201)
  const foreign: Record<string, string>[] = [
    {},
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `${origin}.evil.example` },
    { origin: `${origin}:8080` },
    { origin: 'http://session.carrel.test', 'sec-fetch-site': 'same-site' },
    { origin: 'https://portal.example.org' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'none' },
    { referer: `${origin}/page` },
    // Origin decides where there is one.
    { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
  ]
  for (const headers of foreign) {
    const refused = await make(secret, headers)
    expect([refused.status, refused.body.code], JSON.stringify(headers)).toEqual([403, 'cross_site'])
  }
  const audit = await api.db.selectFrom('audit_event').select('code').where('code', '=', 'cross_site').execute()
  expect(audit.length).toBeGreaterThanOrEqual(foreign.length)
})

test('a token is asked for no origin, and other pages get no cookie along', async () => {
  const made = await api.call('POST', '/v1/projects', {
    token: person.token,
    body: { name: 'By a portal' },
    headers: { origin: 'https://portal.example.org' },
  })
  expect(made.status).toBe(201)
  const answer = await api.call('GET', '/v1/whoami', {
    token: person.token,
    headers: { origin: 'https://portal.example.org' },
  })
  expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
})

test('it acts for nobody else, and neither secret is taken for the other', async () => {
  const { secret } = await signedIn()
  const other = await api.person()
  const acting = await by(secret, 'GET', '/v1/whoami', { headers: { 'carrel-on-behalf-of': other.id } })
  expect(acting.status).toBe(403)
  expect((await by(person.token, 'GET', '/v1/whoami')).status).toBe(401)
  expect((await api.call('GET', '/v1/whoami', { token: secret })).status).toBe(401)
  expect((await by(`cb_${'x'.repeat(43)}`, 'GET', '/v1/whoami')).status).toBe(401)
})

test('over TLS the cookie is of this host alone, and the plain name is not looked at', async () => {
  const { secret } = await signedIn()
  const secure = api.another({}, api.db, { signIn: { ...plainSignIn, origin: 'https://carrel.test' } })
  const ask = async (cookie: string) => await callApp(secure, 'GET', '/v1/whoami', { headers: { cookie } })
  expect((await ask(`__Host-carrel=${secret}`)).status).toBe(200)
  expect((await ask(`carrel=${secret}`)).status).toBe(401)
  const begun = await callApp(secure, 'GET', '/v1/sign-in/university')
  expect(begun.headers.get('set-cookie')).toMatch(
    /^__Host-carrel-sign-in=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  )
})

test('its owner sees where they are signed in, and ends what is not theirs', async () => {
  const who = await api.person()
  const [here, there] = [await signedIn(who), await signedIn(who)]
  const listed = await by(here.secret, 'GET', '/v1/browser-sessions')
  expect(Object.fromEntries(listed.body.items.map((item) => [item.id, item['current']]))).toEqual({
    [there.id]: false,
    [here.id]: true,
  })
  expect(JSON.stringify(listed.body)).not.toContain('cb_')
  const stranger = await signedIn(await api.person())
  const headers = { origin }
  const path = `/v1/browser-sessions/${there.id}`
  expect((await by(stranger.secret, 'DELETE', path, { headers })).status).toBe(404)
  expect((await by(here.secret, 'DELETE', path, { headers })).status).toBe(204)
  expect((await by(there.secret, 'GET', '/v1/whoami')).status).toBe(401)
  expect((await by(here.secret, 'GET', '/v1/whoami')).status).toBe(200)
  const admin = await api.person({ roles: ['admin'] })
  expect((await api.call('DELETE', `/v1/browser-sessions/${here.id}`, { token: admin.token })).status).toBe(204)
  expect((await by(here.secret, 'GET', '/v1/whoami')).status).toBe(401)
})

test('signing out ends it and takes the cookie away', async () => {
  const { secret } = await signedIn()
  expect((await by(secret, 'POST', '/v1/sign-out', { body: {} })).status).toBe(403)
  const out = await by(secret, 'POST', '/v1/sign-out', { body: {}, headers: { origin } })
  expect([out.status, out.body]).toEqual([200, { endSessionUrl: null }])
  expect(out.headers.get('set-cookie')).toMatch(/^carrel=; Max-Age=0; Path=\/; HttpOnly; SameSite=Lax$/)
  expect((await by(secret, 'GET', '/v1/whoami')).status).toBe(401)
  const token = await api.call('POST', '/v1/sign-out', { token: person.token, body: {} })
  expect([token.status, token.body.code]).toEqual([409, 'conflict'])
})

test('a stream ends when its browser session does', async () => {
  const { id, secret } = await signedIn()
  const answer = await api.app.app.request('/v1/events', {
    headers: { cookie: `carrel=${secret}`, accept: 'text/event-stream' },
  })
  expect(answer.status).toBe(200)
  const reader = answer.body!.getReader()
  expect((await reader.read()).done).toBe(false)
  await revoke(id)
  const begun = Date.now()
  for (;;) if ((await reader.read()).done) break
  expect(Date.now() - begun).toBeLessThan(30_000)
})

async function revoke(id: TokenId): Promise<void> {
  const ended = await api.call('DELETE', `/v1/browser-sessions/${id}`, { token: person.token })
  expect(ended.status).toBe(204)
}

test('a limit of requests by address holds for sign-ins', async () => {
  const few = api.another({}, api.db, {
    signIn: { ...plainSignIn, perMinute: 2, addressOf: (_peer, forwarded) => forwarded ?? 'unknown' },
  })
  const from = async (address: string, path = '/v1/sign-in/university') =>
    (await callApp(few, 'GET', path, { headers: { 'x-forwarded-for': address } })).status
  expect([await from('a'), await from('a', '/v1/sign-in/university/callback'), await from('a')]).toEqual([
    302, 303, 429,
  ])
  expect([await from('a', '/v1/sign-in/nowhere'), await from('b'), await from('b', '/v1/sign-in/nowhere')]).toEqual([
    429, 302, 404,
  ])
})

test('an issuer may sign hundreds out at once; what is refused is counted', async () => {
  const logouts = (token: string) => ({
    key: null,
    body: `logout_token=${token}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': 'issuer' },
  })
  const few = api.another({}, api.db, {
    signIn: { ...plainSignIn, perMinute: 2, addressOf: (_peer, forwarded) => forwarded ?? 'unknown' },
  })
  const send = async (token: string) =>
    (await callApp(few, 'POST', '/v1/sign-in/university/back-channel-logout', logouts(token))).status
  const statuses: number[] = []
  for (const token of ['l1', 'l2', 'l3', 'l4', 'l1', 'l1', 'l1', 'l1']) statuses.push(await send(token))
  expect(statuses).toEqual([204, 204, 204, 204, 400, 400, 400, 429])
})

test('without sign-in there are no ways, and no cookie is looked at', async () => {
  const { secret } = await signedIn()
  const none = await startApi()
  try {
    const methods = await none.call('GET', '/v1/sign-in-methods')
    expect([methods.status, methods.body]).toEqual([200, { items: [] }])
    expect((await none.call('GET', '/v1/sign-in/university')).status).toBe(404)
    expect((await none.call('GET', '/v1/whoami', { headers: { cookie: `carrel=${secret}` } })).status).toBe(401)
  } finally {
    await none.close()
  }
})
