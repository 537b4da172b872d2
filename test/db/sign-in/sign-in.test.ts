import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AccountId } from '../../../domain/ids.ts'
import {
  callbackOf,
  carrel,
  done,
  elsewhere,
  issuerOf,
  signsIn,
  startSignInSite,
  toldBy,
  whoIs,
} from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'
import { startIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { PersonClaims, TestIdentityProvider } from '../../support/oidc/identity-provider.ts'

const accounts: Record<string, PersonClaims> = {
  ada: {
    name: 'Ada Lovelace',
    email: 'Ada@physics.example.org',
    email_verified: true,
    uid: 'alovelace',
    home: 'Engines',
  },
  bob: { name: 'Bob', email: 'bob@physics.example.org', email_verified: false, uid: ['bob'] },
  eve: { preferred_username: 'eve', email: 'eve@elsewhere.example', email_verified: true },
}

let provider: TestIdentityProvider
let site: SignInSite
beforeAll(async () => {
  provider = await startIdentityProvider({
    accounts,
    extraClaims: ['uid', 'home'],
    clients: [
      {
        client_id: 'carrel',
        client_secret: 'a secret of the client',
        redirect_uris: ['university', 'domain', 'closed'].map(callbackOf),
      },
    ],
  })
  site = await startSignInSite([
    issuerOf('university', provider.issuer, {
      login: { claim: 'uid', authoritative: true },
      organisationClaim: 'home',
    }),
  ])
})
afterAll(async () => {
  await site.close()
  await provider.close()
})

const identityOf = async (subject: string) =>
  await site.api.db.selectFrom('identity').selectAll().where('subject', '=', subject).executeTakeFirst()

test('everybody may read how people sign in', async () => {
  const answer = await site.api.call('GET', '/v1/sign-in-methods')
  expect(answer.body).toEqual({
    items: [{ kind: 'openid_connect', id: 'university', name: 'Issuer university', url: '/v1/sign-in/university' }],
  })
})

test('a first sign-in makes an account, and the browser is it', async () => {
  provider.signsIn('ada')
  const browser = site.browser()
  const visited = await signsIn(browser, 'university')
  expect(visited.url.href).toBe(`${done}?signIn=done`)
  const who = await whoIs(browser)
  expect(who.status).toBe(200)
  const id = who.account?.id as AccountId
  const account = await site.api.db.selectFrom('account').selectAll().where('id', '=', id).executeTakeFirst()
  expect(account).toMatchObject({
    display_name: 'Ada Lovelace',
    email: 'Ada@physics.example.org',
    organisation: 'Engines',
    roles: ['member'],
    posix: null,
  })
  expect(await identityOf('ada')).toMatchObject({
    issuer: provider.issuer,
    account_id: id,
    email_verified: true,
    claims: { login: 'alovelace' },
  })
  // Again, elsewhere: the same person.
  const other = site.browser()
  await signsIn(other, 'university')
  expect((await whoIs(other)).account?.id).toBe(id)
})

test('what is asked of the issuer is bound to this sign-in, and comes back by the code alone', async () => {
  provider.signsIn('ada')
  const { way } = await signsIn(site.browser(), 'university')
  const asked = way.find((url) => url.origin === provider.issuer)
  const query = Object.fromEntries(asked?.searchParams ?? [])
  expect(query).toMatchObject({
    response_type: 'code',
    client_id: 'carrel',
    redirect_uri: callbackOf('university'),
    code_challenge_method: 'S256',
  })
  for (const mark of ['state', 'nonce', 'code_challenge']) expect(query[mark]).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

test('an address that is not verified is kept as such, and is nobody’s', async () => {
  provider.signsIn('bob')
  await signsIn(site.browser(), 'university')
  const bob = await identityOf('bob')
  expect(bob).toMatchObject({ email: 'bob@physics.example.org', email_verified: false, claims: { login: 'bob' } })
  const account = await site.api.db
    .selectFrom('account')
    .select('email')
    .where('id', '=', bob?.account_id as AccountId)
    .executeTakeFirst()
  expect(account?.email).toBeNull()
})

test('without a claim that is named for it there is no login, whatever else is said', async () => {
  provider.signsIn('eve')
  await signsIn(site.browser(), 'university')
  expect(await identityOf('eve')).toMatchObject({ claims: {}, display_name: 'eve' })
})

test('the way back is one of the configured addresses, as a whole', async () => {
  provider.signsIn('ada')
  const browser = site.browser()
  const begin = async (returnUrl: string) =>
    await browser.visit(`${carrel}/v1/sign-in/university?${new URLSearchParams({ returnUrl }).toString()}`)
  expect((await begin(elsewhere)).url.href).toBe(`${elsewhere}&signIn=done`)
  // And Carrel's own pages.
  for (const page of ['/invitation', '/device'])
    expect((await begin(`${carrel}${page}`)).url.href).toBe(`${carrel}${page}?signIn=done`)
  for (const wrong of [
    `${done}/`,
    `${done}?x=1`,
    'https://portal.example.org',
    'https://evil.example/signed-in',
    '//evil.example',
    '',
  ])
    expect((await begin(wrong)).response?.status, wrong).toBe(422)
})

test('a sign-in of one browser is no other’s', async () => {
  provider.signsIn('ada')
  const [victim, attacker] = [site.browser(), site.browser()]
  const begun = await attacker.send('GET', `${carrel}/v1/sign-in/university`)
  // The attacker signs in at the issuer, and has the victim finish.
  const url = new URL(begun.headers.get('location') ?? '')
  let answer = await attacker.send('GET', url.href)
  while (!(answer.headers.get('location') ?? '').startsWith(carrel))
    answer = await attacker.send('GET', new URL(answer.headers.get('location') ?? '', url).href)
  const callback = answer.headers.get('location') ?? ''
  expect(toldBy(await victim.visit(callback))).toBe('other_browser')
  await signsIn(victim, 'university')
  expect(toldBy(await victim.visit(callback))).toBe('other_browser')
  expect((await whoIs(attacker)).status).toBe(401)
  // It is still the attacker's own, once.
  expect(toldBy(await attacker.visit(callback))).toBe('done')
  expect(toldBy(await attacker.visit(callback))).toBe('sign_in_expired')
})

test('a sign-in that took too long, or was never begun, leads to nothing', async () => {
  provider.signsIn('ada')
  const browser = site.browser()
  expect(toldBy(await browser.visit(`${callbackOf('university')}?code=x&state=${'x'.repeat(43)}`))).toBe(
    'sign_in_expired',
  )
  const begun = await browser.send('GET', `${carrel}/v1/sign-in/university`)
  await site.api.db
    .updateTable('sign_in')
    .set({ expires_at: new Date(0) })
    .execute()
  expect(toldBy(await browser.visit(begun.headers.get('location') ?? ''))).toBe('sign_in_expired')
  expect((await whoIs(browser)).status).toBe(401)
})

test('who would not sign in is told that, and it is counted', async () => {
  provider.signsIn('refuses')
  const browser = site.browser()
  expect(toldBy(await signsIn(browser, 'university'))).toBe('sign_in_cancelled')
  const operator = await site.api.person({ roles: ['operator'] })
  const metrics = await site.api.call('GET', '/metrics', { token: operator.token })
  expect(metrics.text).toMatch(
    /^carrel_sign_ins_total\{[^}]*issuer="university",outcome="sign_in_cancelled"[^}]*\} 1$/m,
  )
  expect((await whoIs(browser)).status).toBe(401)
})

test('a disabled account is not let in, and a cookie of it is nobody’s', async () => {
  provider.signsIn('mallory')
  accounts['mallory'] = { name: 'Mallory' }
  const browser = site.browser()
  await signsIn(browser, 'university')
  const id = (await whoIs(browser)).account?.id as AccountId
  await site.api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', id).execute()
  expect((await whoIs(browser)).status).toBe(401)
  expect(toldBy(await signsIn(browser, 'university'))).toBe('account_disabled')
  const audit = await site.api.db
    .selectFrom('audit_event')
    .select(['action', 'outcome', 'code', 'account_id', 'subject_id'])
    .where('action', '=', 'signIn')
    .where((eb) => eb.or([eb('account_id', '=', id), eb('code', '=', 'account_disabled')]))
    .orderBy('id')
    .execute()
  expect(audit).toEqual([
    { action: 'signIn', outcome: 'accepted', code: null, account_id: id, subject_id: id },
    { action: 'signIn', outcome: 'refused', code: 'account_disabled', account_id: null, subject_id: 'university' },
  ])
})

test('two first sign-ins of one person at once make one account', async () => {
  accounts['grace'] = { name: 'Grace' }
  provider.signsIn('grace')
  const browsers = Array.from({ length: 4 }, () => site.browser())
  const told = await Promise.all(browsers.map(async (browser) => toldBy(await signsIn(browser, 'university'))))
  expect(new Set(told)).toEqual(new Set(['done']))
  const ids = await Promise.all(browsers.map(async (browser) => (await whoIs(browser)).account?.id))
  expect(new Set(ids).size).toBe(1)
})

test('nothing of a sign-in is in a log, nor in the rows that are kept', async () => {
  provider.signsIn('ada')
  const browser = site.browser()
  const { way } = await signsIn(browser, 'university')
  const back = way.find((url) => url.href.startsWith(callbackOf('university')))
  const hidden = [...(back?.searchParams.values() ?? []), browser.cookie(carrel, 'carrel') ?? 'no cookie']
  expect(hidden.length).toBeGreaterThan(2)
  const audit = await site.api.db.selectFrom('audit_event').selectAll().execute()
  const sessions = await site.api.db.selectFrom('browser_session').selectAll().execute()
  const pending = await site.api.db.selectFrom('sign_in').selectAll().execute()
  const kept = [JSON.stringify([audit, pending, site.api.logged]), ...sessions.map((s) => s.tokens.toString('latin1'))]
  for (const secret of hidden.filter((value) => value.length > 20 && value !== provider.issuer))
    expect(kept.join('\n')).not.toContain(secret)
})
