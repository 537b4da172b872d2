import { randomUUID } from 'node:crypto'
import type { JWTPayload } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callApp } from '../../setup/api.ts'
import {
  callbackOf,
  carrel,
  done,
  issuerOf,
  signInOf,
  signsIn,
  startSignInSite,
  toldBy,
  whoIs,
} from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'
import { startHostileProvider } from '../../support/oidc/hostile-provider.ts'
import type { HostileProvider } from '../../support/oidc/hostile-provider.ts'
import { startIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { TestIdentityProvider } from '../../support/oidc/identity-provider.ts'

const backChannel = (issuer: string) => `${carrel}/v1/sign-in/${issuer}/back-channel-logout`

let provider: TestIdentityProvider
let bare: HostileProvider
let site: SignInSite
beforeAll(async () => {
  provider = await startIdentityProvider({
    accounts: { ada: { name: 'Ada' } },
    person: 'ada',
    clients: [
      {
        client_id: 'carrel',
        client_secret: 'a secret of the client',
        redirect_uris: [callbackOf('university')],
        post_logout_redirect_uris: [done],
        backchannel_logout_uri: backChannel('university'),
        backchannel_logout_session_required: true,
      },
    ],
    // The provider comes to the api without a network between them.
    fetch: async (input, init) => await site.app.app.fetch(new Request(input, init)),
  })
  bare = await startHostileProvider()
  site = await startSignInSite(issuers())
})
afterAll(async () => {
  await site.close()
  await bare.close()
  await provider.close()
})

const issuers = () => [issuerOf('university', provider.issuer), issuerOf('bare', bare.issuer)]
/** Of a process that has asked nobody anything yet. */
const newSignIn = () => signInOf(issuers(), { limits: { retryMs: 0, keysCooldownMs: 0 } })

test('who signs out here is led to sign out there, and the other browsers stay', async () => {
  const [browser, other] = [site.browser(), site.browser()]
  await signsIn(browser, 'university')
  await signsIn(other, 'university')
  const out = await browser.send('POST', `${carrel}/v1/sign-out`, { body: {} })
  const { endSessionUrl } = (await out.json()) as { endSessionUrl: string }
  const url = new URL(endSessionUrl)
  expect(url.origin).toBe(provider.issuer)
  expect(url.searchParams.get('post_logout_redirect_uri')).toBe(done)
  expect(url.searchParams.get('id_token_hint')?.split('.')).toHaveLength(3)
  expect((await whoIs(browser)).status).toBe(401)
  expect((await whoIs(other)).status).toBe(200)
})

test('who signs out there is signed out here: of that session at the issuer, and no other', async () => {
  const [browser, other] = [site.browser(), site.browser()]
  await signsIn(browser, 'university')
  await signsIn(other, 'university')
  // As a portal has it that ends the issuer's session by itself.
  const page = await browser.visit(`${provider.issuer}/session/end`)
  const form = (await page.response?.text()) ?? ''
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(form)?.[1] ?? ''
  const jar = ['idp', 'idp.sig', 'idp.legacy', 'idp.legacy.sig'].flatMap((name) => {
    const value = browser.cookie(provider.issuer, name)
    return value === undefined ? [] : [`${name}=${value}`]
  })
  const ended = await fetch(`${provider.issuer}/session/end/confirm`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: jar.join('; '), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ xsrf, logout: 'yes' }),
  })
  expect(ended.status).toBeLessThan(400)
  await expect.poll(async () => (await whoIs(browser)).status).toBe(401)
  expect((await whoIs(other)).status).toBe(200)
  const audit = await site.api.db
    .selectFrom('audit_event')
    .select(['subject_kind', 'subject_id', 'outcome', 'client'])
    .where('action', '=', 'endSignInsByIssuer')
    .execute()
  expect(audit).toEqual([{ subject_kind: 'issuer', subject_id: 'university', outcome: 'accepted', client: 'issuer' }])
})

describe('a logout token', () => {
  const event = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  const usual = (): JWTPayload => {
    const now = Math.floor(Date.now() / 1_000)
    return { iss: bare.issuer, aud: 'carrel', sub: 'ada', iat: now, exp: now + 60, jti: randomUUID(), events: event }
  }
  const without = (name: string): JWTPayload =>
    Object.fromEntries(Object.entries(usual()).filter(([claim]) => claim !== name))
  const send = async (token: string) =>
    await callApp(site.app, 'POST', '/v1/sign-in/bare/back-channel-logout', {
      key: null,
      body: new URLSearchParams({ logout_token: token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  const signedIn = async () => {
    const browser = site.browser()
    expect(toldBy(await signsIn(browser, 'bare'))).toBe('done')
    return browser
  }

  test('ends the sessions of its subject, once', async () => {
    const browser = await signedIn()
    const token = await bare.sign(usual(), { typ: 'logout+jwt' })
    expect((await send(token)).status).toBe(204)
    expect((await whoIs(browser)).status).toBe(401)
    const again = await signedIn()
    const replayed = await send(token)
    expect([replayed.status, replayed.body.code]).toEqual([400, 'malformed_request'])
    expect(replayed.headers.get('cache-control')).toBe('no-store')
    expect((await whoIs(again)).status).toBe(200)
  })

  test('of one session of the issuer ends that', async () => {
    bare.behave({ claims: (claims) => ({ ...claims, sid: 'one' }) })
    const one = await signedIn()
    bare.behave({ claims: (claims) => ({ ...claims, sid: 'two' }) })
    const two = await signedIn()
    bare.behave({})
    // Of somebody else, with the same name for their session.
    expect((await send(await bare.sign({ ...usual(), sub: 'eve', sid: 'one' }))).status).toBe(204)
    expect((await whoIs(one)).status).toBe(200)
    expect((await send(await bare.sign({ ...without('sub'), sid: 'one' }))).status).toBe(204)
    expect([(await whoIs(one)).status, (await whoIs(two)).status]).toEqual([401, 200])
  })

  const wrong: readonly (readonly [string, () => Promise<string>])[] = [
    ['is an id token', async () => await bare.sign({ ...usual(), nonce: 'n' })],
    ['has no event', async () => await bare.sign(without('events'))],
    ['has another event', async () => await bare.sign({ ...usual(), events: { 'urn:other': {} } })],
    ['has no name of its own', async () => await bare.sign(without('jti'))],
    ['names nobody', async () => await bare.sign(without('sub'))],
    ['has no time', async () => await bare.sign(without('iat'))],
    ['is old', async () => await bare.sign({ ...usual(), iat: Math.floor(Date.now() / 1_000) - 300 })],
    ['is for another client', async () => await bare.sign({ ...usual(), aud: 'another' })],
    ['is of another issuer', async () => await bare.sign({ ...usual(), iss: provider.issuer })],
    ['is of another type', async () => await bare.sign(usual(), { typ: 'at+jwt' })],
    ['is changed', async () => `${(await bare.sign(usual())).slice(0, -8)}AAAAAAAA`],
    [
      'is not signed',
      async () =>
        `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(usual())).toString('base64url')}.`,
    ],
    ['is no token', async () => 'hello'],
  ]
  test('that does not hold ends nothing', async () => {
    const browser = await signedIn()
    for (const [what, make] of wrong) {
      const refused = await send(await make())
      expect([refused.status, refused.body.code], what).toEqual([400, 'malformed_request'])
    }
    expect((await callApp(site.app, 'POST', '/v1/sign-in/bare/back-channel-logout', { body: {} })).status).toBe(415)
    expect((await whoIs(browser)).status).toBe(200)
  })

  test('that cannot be verified now is to be sent again', async () => {
    const fresh = site.api.another({}, site.api.db, { signIn: newSignIn() })
    bare.behave({ huge: 'keys' })
    const body = `logout_token=${await bare.sign(usual())}`
    const path = '/v1/sign-in/bare/back-channel-logout'
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const later = await callApp(fresh, 'POST', path, { body, headers })
    expect([later.status, later.body.code]).toEqual([503, 'unavailable'])
    bare.behave({})
    expect((await callApp(fresh, 'POST', path, { body, headers })).status).toBe(204)
  })
})
