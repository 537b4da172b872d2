import type { JWTPayload } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OidcLimits } from '../../../ports/identity/oidc/settings.ts'
import { callbackOf, carrel, issuerOf, signInOf, signsIn, startSignInSite, toldBy, whoIs } from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'
import { startHostileProvider } from '../../support/oidc/hostile-provider.ts'
import type { Behaviour, HostileProvider } from '../../support/oidc/hostile-provider.ts'
import { startIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { TestIdentityProvider } from '../../support/oidc/identity-provider.ts'
import { createTestBrowser } from '../../support/oidc/test-browser.ts'
import type { TestBrowser } from '../../support/oidc/test-browser.ts'

let honest: TestIdentityProvider
let hostile: HostileProvider
let site: SignInSite
beforeAll(async () => {
  honest = await startIdentityProvider({
    accounts: { ada: { name: 'Ada' }, eve: { name: 'Eve' } },
    person: 'ada',
    clients: [{ client_id: 'carrel', client_secret: 'a secret of the client', redirect_uris: [callbackOf('honest')] }],
  })
  hostile = await startHostileProvider()
  site = await startSignInSite(issuers())
})
afterAll(async () => {
  await site.close()
  await hostile.close()
  await honest.close()
})

const issuers = () => [issuerOf('honest', honest.issuer), issuerOf('hostile', hostile.issuer)]

/** A browser at an api that has asked nothing of any issuer yet. */
function freshBrowser(limits: Partial<OidcLimits> = {}): TestBrowser {
  const signIn = signInOf(issuers(), { limits: { retryMs: 0, ...limits } })
  const { app } = site.api.another({}, site.api.db, { signIn })
  return createTestBrowser({ [carrel]: async (request) => await app.fetch(request) })
}

const now = () => Math.floor(Date.now() / 1_000)
const invalid = 'provider_answer_invalid'
const unavailable = 'provider_unavailable'
const claims = (changed: JWTPayload): Behaviour => ({ claims: (usual) => ({ ...usual, ...changed }) })
/** Times from the moment that the token is made. */
const times = (changed: { iat?: number; exp?: number; nbf?: number }): Behaviour => ({
  claims: (usual) => ({ ...usual, ...Object.fromEntries(Object.entries(changed).map(([at, s]) => [at, now() + s])) }),
})
let firstNonce = ''

const cases: readonly (readonly [string, Behaviour, string])[] = [
  ['says what it should', { claims: (usual) => ((firstNonce = String(usual['nonce'])), usual) }, 'done'],
  ['calls itself another issuer in its token', claims({ iss: 'https://honest.example.org' }), invalid],
  ['calls itself another issuer in its discovery', { metadata: { issuer: 'https://honest.example.org' } }, unavailable],
  ['differs from its name by a slash', { metadata: { issuer: 'SLASH' } }, unavailable],
  ['does not sign', { signature: 'none' }, invalid],
  ['signs with its public key as a shared secret', { signature: 'public key as secret' }, invalid],
  ['signs with a key that it has withdrawn', { signature: 'withdrawn key' }, invalid],
  ['replays the nonce of an earlier sign-in', { claims: (usual) => ({ ...usual, nonce: firstNonce }) }, invalid],
  [
    'leaves the nonce out',
    { claims: (usual) => Object.fromEntries(Object.entries(usual).filter(([claim]) => claim !== 'nonce')) },
    invalid,
  ],
  ['speaks to another client', claims({ aud: 'another' }), invalid],
  ['speaks to several, of whom another asked', claims({ aud: ['carrel', 'another'], azp: 'another' }), invalid],
  ['speaks of what is long over', times({ iat: -600, exp: -300 }), invalid],
  ['speaks of what is over by less than clocks differ', times({ exp: -10 }), 'done'],
  ['speaks from the future', times({ nbf: 300 }), invalid],
  ['names nobody', claims({ sub: '' }), invalid],
  ['names somebody unspeakable', claims({ sub: 'ada\u0000' }), invalid],
  ['names somebody endless', claims({ sub: 'x'.repeat(256) }), invalid],
  ['speaks of somebody else where it is asked further', { userinfo: { sub: 'eve' } }, invalid],
  [
    'sends back with the name of another issuer',
    { back: (query) => query.set('iss', 'https://honest.example.org') },
    invalid,
  ],
  [
    'promises its name in what it sends back, and leaves it out',
    { metadata: { authorization_response_iss_parameter_supported: true } },
    invalid,
  ],
  ['sends back no code', { back: (query) => query.delete('code') }, invalid],
  ['sends back two codes', { back: (query) => query.append('code', 'another') }, invalid],
  ['discovers 10 MB', { huge: 'discovery' }, unavailable],
  ['has 10 MB of keys', { huge: 'keys' }, unavailable],
  ['gives 10 MB for a code', { huge: 'token' }, unavailable],
  ['leads elsewhere from its discovery', { redirects: 'discovery' }, unavailable],
  ['leads elsewhere from its token endpoint', { redirects: 'token' }, unavailable],
  ['has endpoints that are no addresses', { metadata: { token_endpoint: 'file:///etc/passwd' } }, unavailable],
]

describe('an issuer that', () => {
  test.each(cases)('%s: %#', async (_what, behaviour, outcome) => {
    const told = behaviour.metadata?.['issuer'] === 'SLASH' ? { metadata: { issuer: `${hostile.issuer}/` } } : behaviour
    hostile.behave(told)
    const browser = freshBrowser()
    expect(toldBy(await signsIn(browser, 'hostile'))).toBe(outcome)
    expect((await whoIs(browser)).status).toBe(outcome === 'done' ? 200 : 401)
  })

  test.each(['discovery', 'token', 'keys', 'userinfo'] as const)('never answers: %s', async (never) => {
    hostile.behave({ never })
    const [browser, other] = [freshBrowser({ timeoutMs: 400 }), freshBrowser()]
    const [told, elsewhere] = await Promise.all([signsIn(browser, 'hostile'), signsIn(other, 'honest')])
    expect(toldBy(told)).toBe(unavailable)
    // Nobody waits for it who does not ask it.
    expect(toldBy(elsewhere)).toBe('done')
  })

  test('changes its key is believed with the new one, and not with the old', async () => {
    hostile.behave({})
    const browser = freshBrowser({ keysCooldownMs: 0 })
    expect(toldBy(await signsIn(browser, 'hostile'))).toBe('done')
    await hostile.rotate()
    expect(toldBy(await signsIn(browser, 'hostile'))).toBe('done')
    hostile.behave({ signature: 'withdrawn key' })
    expect(toldBy(await signsIn(browser, 'hostile'))).toBe(invalid)
  })

  test('was right once is asked again without a pause, and one that failed after a short one', async () => {
    hostile.behave({ huge: 'discovery' })
    const patient = freshBrowser({ retryMs: 60_000 })
    expect(toldBy(await signsIn(patient, 'hostile'))).toBe(unavailable)
    hostile.behave({})
    expect(toldBy(await signsIn(patient, 'hostile'))).toBe(unavailable)
    const eager = freshBrowser({ freshMs: 0 })
    expect(toldBy(await signsIn(eager, 'hostile'))).toBe('done')
    // What it said before holds while it says nothing.
    hostile.behave({ huge: 'discovery' })
    expect(toldBy(await signsIn(eager, 'hostile'))).toBe('done')
  })
})

test('an answer to one issuer is none to another', async () => {
  hostile.behave({})
  const browser = site.browser()
  const begun = await browser.send('GET', `${carrel}/v1/sign-in/honest`)
  const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state') ?? ''
  const mixedUp = await browser.visit(`${callbackOf('hostile')}?code=x&state=${state}`)
  expect(toldBy(mixedUp)).toBe('sign_in_expired')
  // It is still good where it belongs.
  expect(toldBy(await browser.visit(begun.headers.get('location') ?? ''))).toBe('done')
})

test('a code that somebody else was given is worth nothing in this browser', async () => {
  const [victim, attacker] = [site.browser(), site.browser()]
  const toCallback = async (browser: TestBrowser, person: string): Promise<URL> => {
    browser.setCookie(honest.issuer, 'person', person)
    let url = new URL(`${carrel}/v1/sign-in/honest`)
    do {
      const answer = await browser.send('GET', url.href)
      url = new URL(answer.headers.get('location') ?? '', url)
    } while (!url.href.startsWith(callbackOf('honest')))
    return url
  }
  const stolen = (await toCallback(attacker, 'eve')).searchParams.get('code') ?? ''
  const own = await toCallback(victim, 'ada')
  own.searchParams.set('code', stolen)
  expect(toldBy(await victim.visit(own.href))).toBe(invalid)
  expect((await whoIs(victim)).status).toBe(401)
})

test('who links a further identity has shown it since they began', async () => {
  const browser = freshBrowser()
  expect(toldBy(await signsIn(browser, 'honest'))).toBe('done')
  const linkedWith = async (auth_time: unknown) => {
    hostile.behave({ claims: (usual) => ({ ...usual, sub: 'linked', auth_time }), userinfo: { sub: 'linked' } })
    const begun = await browser.send('POST', `${carrel}/v1/identities`, { body: { issuer: 'hostile' } })
    return toldBy(await browser.visit(((await begun.json()) as { url: string }).url))
  }
  for (const old of [undefined, now() - 90, String(now()), null])
    expect(await linkedWith(old), String(old)).toBe(invalid)
  expect(await linkedWith(now())).toBe('done')
})
