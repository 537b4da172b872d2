import { afterAll, beforeAll, expect, test } from 'vitest'
import { disableAccount, enableAccount } from '../../../db/account-standing.ts'
import type { Trx } from '../../../db/connect.ts'
import { mostIdentities } from '../../../db/identities.ts'
import type { AccountId } from '../../../domain/ids.ts'
import { holding } from '../../setup/blocked.ts'
import {
  callbackOf,
  carrel,
  elsewhere,
  issuerOf,
  signInOf,
  signsIn,
  startSignInSite,
  toldBy,
  whoIs,
} from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'
import { startIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { PersonClaims, TestIdentityProvider } from '../../support/oidc/identity-provider.ts'
import { createTestBrowser } from '../../support/oidc/test-browser.ts'
import type { TestBrowser } from '../../support/oidc/test-browser.ts'

/** Two issuers that know other people by the same names. */
const accounts: Record<'university' | 'facility', Record<string, PersonClaims>> = {
  university: {
    ada: { name: 'Ada', email: 'ada@physics.example.org', email_verified: true },
    bob: { name: 'Bob', email: 'bob@physics.example.org', email_verified: false },
    eve: { name: 'Eve', email: 'eve@notphysics.example.org', email_verified: true },
  },
  facility: { ada: { name: 'Another Ada' }, ada2: { name: 'Ada L.' }, carol: { name: 'Carol' } },
}

let university: TestIdentityProvider
let facility: TestIdentityProvider
let site: SignInSite
beforeAll(async () => {
  const start = async (id: keyof typeof accounts, algorithm: 'ES256' | 'PS256') =>
    await startIdentityProvider({
      accounts: accounts[id],
      algorithm,
      clients: [{ client_id: 'carrel', client_secret: 'a secret of the client', redirect_uris: [callbackOf(id)] }],
    })
  university = await start('university', 'ES256')
  facility = await start('facility', 'PS256')
  site = await startSignInSite(issuers())
})
afterAll(async () => {
  await site.close()
  await Promise.all([university.close(), facility.close()])
})

const issuers = (more: object = {}) => [
  issuerOf('university', university.issuer, more),
  issuerOf('facility', facility.issuer),
]
const signedIn = async (issuer: 'university' | 'facility', person: string, browser = site.browser()) => {
  browser.setCookie((issuer === 'university' ? university : facility).issuer, 'person', person)
  const told = toldBy(await signsIn(browser, issuer))
  return { browser, told, id: (await whoIs(browser)).account?.id as AccountId }
}

const link = async (browser: TestBrowser, issuer: 'university' | 'facility', person: string) => {
  browser.setCookie((issuer === 'university' ? university : facility).issuer, 'person', person)
  const begun = await browser.send('POST', `${carrel}/v1/identities`, { body: { issuer, returnUrl: elsewhere } })
  const { url } = (await begun.json()) as { url: string }
  return { url, told: toldBy(await browser.visit(url)) }
}

test('the same name at two issuers is two people', async () => {
  const here = await signedIn('university', 'ada')
  const there = await signedIn('facility', 'ada')
  expect([here.told, there.told]).toEqual(['done', 'done'])
  expect(here.id).not.toBe(there.id)
})

test('a further identity is linked by signing in with both, and is the same person from then on', async () => {
  const { browser, id } = await signedIn('university', 'ada')
  const { url, told } = await link(browser, 'facility', 'ada2')
  expect(told).toBe('done')
  const asked = new URL(url).searchParams
  expect([asked.get('prompt'), asked.get('max_age')]).toEqual(['login', '0'])
  expect((await whoIs(browser)).account?.id).toBe(id)
  expect((await signedIn('facility', 'ada2')).id).toBe(id)
  // Again is harmless.
  expect((await link(browser, 'facility', 'ada2')).told).toBe('done')
})

test("an identity that is another account's is a conflict, and changes nothing", async () => {
  const carol = await signedIn('facility', 'carol')
  const { browser, id } = await signedIn('university', 'ada')
  expect((await link(browser, 'facility', 'carol')).told).toBe('identity_taken')
  expect((await whoIs(browser)).account?.id).toBe(id)
  expect((await signedIn('facility', 'carol')).id).toBe(carol.id)
  const audit = await site.api.db
    .selectFrom('audit_event')
    .select(['account_id', 'outcome', 'subject_id'])
    .where('code', '=', 'identity_taken')
    .execute()
  expect(audit).toEqual([{ account_id: id, outcome: 'refused', subject_id: 'facility' }])
})

test('a link that was begun in one session is not finished in another', async () => {
  const { browser } = await signedIn('university', 'eve')
  browser.setCookie(facility.issuer, 'person', 'dave')
  accounts.facility['dave'] = { name: 'Dave' }
  const begun = await browser.send('POST', `${carrel}/v1/identities`, { body: { issuer: 'facility' } })
  const { url } = (await begun.json()) as { url: string }
  await browser.send('POST', `${carrel}/v1/sign-out`, { body: {} })
  expect(toldBy(await browser.visit(url))).toBe('not_signed_in')
  expect((await signedIn('facility', 'dave')).told).toBe('done')
})

test('what linking hangs on holds until it is done', async () => {
  // admin: lock account ── disable ── enable ── commit
  // link:    signed in ── lock account (waits) ··· signed in no more
  accounts.facility['dora'] = { name: 'Dora' }
  const { browser, id } = await signedIn('university', 'eve')
  const outAndIn = async (trx: Trx) => {
    await disableAccount(trx, id)
    await enableAccount(trx, id)
  }
  const linked = await holding(site.api.db, outAndIn, () => link(browser, 'facility', 'dora'))
  expect(linked.told).toBe('not_signed_in')
  expect((await signedIn('facility', 'dora')).id).not.toBe(id)
})

test('whom groups alone let in links no identity that would not be let in by itself, where no groups decide', async () => {
  accounts.facility['fay'] = { name: 'Fay', email: 'fay@physics.example.org', email_verified: true }
  accounts.facility['guy'] = { name: 'Guy', email: 'guy@elsewhere.example.org', email_verified: true }
  accounts.university['gil'] = { name: 'Gil' }
  const firstSignIn = { rule: 'domain', domains: ['physics.example.org'] }
  const strict = [issuerOf('university', university.issuer), issuerOf('facility', facility.issuer, { firstSignIn })]
  const { app } = site.api.another({}, site.api.db, { signIn: signInOf(strict) })
  const signedInAs = async (person: string) =>
    await signedIn('university', person, createTestBrowser({ [carrel]: async (request) => await app.fetch(request) }))
  accounts.university['gus'] = { name: 'Gus' }
  const [gil, gus] = [await signedInAs('gil'), await signedInAs('gus')]
  const gate = { issuer: university.issuer, holds_seconds: 900 }
  await site.api.db.insertInto('gated_issuer').values(gate).execute()
  try {
    const said = { checked_at: new Date() }
    await site.api.db.updateTable('identity').set(said).where('account_id', 'in', [gil.id, gus.id]).execute()
    expect((await link(gil.browser, 'facility', 'guy')).told).toBe('not_admitted')
    expect((await link(gus.browser, 'facility', 'fay')).told).toBe('done')
  } finally {
    await site.api.db.deleteFrom('gated_issuer').execute()
  }
})

test('an account has so many identities, and no more', async () => {
  accounts.facility['many'] = { name: 'Many' }
  const { browser, id } = await signedIn('university', 'eve')
  const more = Array.from({ length: mostIdentities - 1 }, (_, n) => ({
    subject: `more-${n}`,
    issuer: 'https://more.example',
  }))
  await site.api.db
    .insertInto('identity')
    .values(more.map((one) => ({ ...one, account_id: id })))
    .execute()
  expect((await link(browser, 'facility', 'many')).told).toBe('too_many_identities')
  await site.api.db.deleteFrom('identity').where('subject', '=', 'more-0').execute()
  expect((await link(browser, 'facility', 'many')).told).toBe('done')
  // One that it has already is none more.
  expect((await link(browser, 'facility', 'many')).told).toBe('done')
})

test('a token links nothing, and neither does a page of another origin', async () => {
  const person = await site.api.person()
  const ask = { body: { issuer: 'university' } }
  const byToken = await site.api.call('POST', '/v1/identities', { token: person.token, ...ask })
  expect([byToken.status, byToken.body.code]).toEqual([403, 'browser_required'])
  const { browser } = await signedIn('university', 'ada')
  const foreign = await browser.send('POST', `${carrel}/v1/identities`, {
    ...ask,
    headers: { origin: 'https://evil.example' },
  })
  expect(foreign.status).toBe(403)
})

/** Signs somebody in who has no account yet, where this rule says who gets one. */
async function firstTime(rule: object, person: string) {
  await site.api.db.deleteFrom('identity').where('issuer', '=', university.issuer).execute()
  const { app } = site.api.another({}, site.api.db, { signIn: signInOf(issuers({ firstSignIn: rule })) })
  const browser = createTestBrowser({ [carrel]: async (request) => await app.fetch(request) })
  return (await signedIn('university', person, browser)).told
}

test('who gets an account is the site’s rule', async () => {
  const domain = { rule: 'domain', domains: ['physics.example.org'] }
  expect(await firstTime(domain, 'ada')).toBe('done')
  expect(await firstTime(domain, 'bob')).toBe('not_admitted')
  expect(await firstTime(domain, 'eve')).toBe('not_admitted')
  expect(await firstTime({ rule: 'invitation' }, 'ada')).toBe('not_admitted')
  expect(await firstTime({ rule: 'open' }, 'bob')).toBe('done')
})

test('who was invited by their verified address gets an account, and nobody else', async () => {
  const inviter = await site.api.person()
  const invite = async (email: string) =>
    await site.api.db
      .insertInto('invitation')
      .values({
        id: `i${Math.random().toString(32).slice(2, 12)}` as never,
        project_id: inviter.projectId,
        role: 'viewer',
        inviter_id: inviter.id,
        email,
        language: 'en',
        delivery: 'mail',
        code_hash: Buffer.from(email),
        code: Buffer.from('x'),
        state: 'sent',
        expires_at: new Date(Date.now() + 60_000),
      })
      .execute()
  await invite('ada@physics.example.org')
  await invite('bob@physics.example.org')
  accounts.university['ada'] = { name: 'Ada', email: 'Ada@Physics.example.org', email_verified: true }
  expect(await firstTime({ rule: 'invitation' }, 'ada')).toBe('done')
  expect(await firstTime({ rule: 'invitation' }, 'bob')).toBe('not_admitted')
  await site.api.db
    .updateTable('invitation')
    .set({ expires_at: new Date(0) })
    .execute()
  expect(await firstTime({ rule: 'invitation' }, 'ada')).toBe('not_admitted')
})

test('Carrel serves while an issuer is away, and the others sign people in', async () => {
  const gone = await startIdentityProvider({ accounts: {}, clients: [] })
  await gone.close()
  const { app } = site.api.another({}, site.api.db, {
    signIn: signInOf([issuerOf('gone', gone.issuer), ...issuers()], { limits: { retryMs: 0 } }),
  })
  const browser = createTestBrowser({ [carrel]: async (request) => await app.fetch(request) })
  const methods = await browser.send('GET', `${carrel}/v1/sign-in-methods`)
  expect(((await methods.json()) as { items: unknown[] }).items).toHaveLength(3)
  const away = await signsIn(browser, 'gone')
  expect(toldBy(away)).toBe('provider_unavailable')
  expect((await signedIn('university', 'ada', browser)).told).toBe('done')
})
