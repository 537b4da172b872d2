import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AccountId } from '../../../domain/ids.ts'
import { exchange, idTokenOf, portalClient, sendForm, signInAtPortal } from '../../setup/portals.ts'
import { issuerOf, signInOf, startSignInSite } from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'
import { startHostileProvider } from '../../support/oidc/hostile-provider.ts'
import type { HostileProvider } from '../../support/oidc/hostile-provider.ts'
import { startIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { TestIdentityProvider } from '../../support/oidc/identity-provider.ts'

const audience = 'https://carrel.example.org/api'
const gated = {
  exchange: { clients: ['portal'], audiences: [audience] },
  groups: { claim: 'groups' },
  allowedGroups: ['beamline'],
}
let real: TestIdentityProvider
let made: HostileProvider
let other: HostileProvider
let site: SignInSite
beforeAll(async () => {
  real = await startIdentityProvider({
    accounts: { ada: { name: 'Ada' }, bob: { name: 'Bob' } },
    clients: [portalClient(), portalClient('another')],
    audience,
  })
  made = await startHostileProvider()
  other = await startHostileProvider()
  site = await startSignInSite([
    issuerOf('real', real.issuer, { exchange: { clients: ['portal'], audiences: [audience] } }),
    issuerOf('made', made.issuer, gated),
    issuerOf('shut', other.issuer),
  ])
})
afterAll(async () => {
  await site.close()
  await Promise.all([real.close(), made.close(), other.close()])
})

const now = () => Math.floor(Date.now() / 1_000)
const idToken = (changed: Readonly<Record<string, unknown>> = {}) =>
  idTokenOf(made.issuer, { groups: ['beamline'], ...changed })
const send = async (token: string, kind?: 'id_token' | 'access_token', more?: Record<string, string>) =>
  await exchange(site.app, token, kind, more)
const whoIs = async (token: unknown) => await site.api.call('GET', '/v1/whoami', { token: String(token) })
const accountOf = async (token: unknown): Promise<AccountId> => (await whoIs(token)).body.account.id

test('the ID token that a portal got is exchanged for a token of the same person, again and again', async () => {
  const { idToken: shown } = await signInAtPortal(real.issuer, 'ada')
  const answer = await send(shown)
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    scope: 'read sessions projects',
  })
  expect(answer.body['expires_in']).toBeLessThanOrEqual(900)
  expect(answer.body['expires_in']).toBeGreaterThan(800)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const again = await send(shown)
  expect(again.body['access_token']).not.toBe(answer.body['access_token'])
  expect(await accountOf(again.body['access_token'])).toBe(await accountOf(answer.body['access_token']))
  const audit = await site.api.db
    .selectFrom('audit_event')
    .select(['outcome', 'client', 'detail'])
    .where('action', '=', 'requestToken')
    .where('account_id', '=', await accountOf(answer.body['access_token']))
    .execute()
  expect(audit).toMatchObject([
    { outcome: 'accepted', client: 'exchange-real', detail: { issuer: 'real', made: true } },
    { outcome: 'accepted', client: 'exchange-real', detail: { issuer: 'real' } },
  ])
})

test('an access token that is for this api is exchanged; one for its issuer alone is not', async () => {
  const forHere = await signInAtPortal(real.issuer, 'bob', { resource: audience })
  const answer = await send(forHere.accessToken, 'access_token')
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)])
  expect((await whoIs(answer.body['access_token'])).status).toBe(200)
  const opaque = await signInAtPortal(real.issuer, 'bob')
  expect((await send(opaque.accessToken, 'access_token')).body['error']).toBe('invalid_request')
  // One kind is not taken for the other.
  expect((await send(forHere.accessToken, 'id_token')).status).toBe(400)
  expect((await send(opaque.idToken, 'access_token')).status).toBe(400)
})

test.each(['ES256', 'PS256'] as const)('a token that is signed by %s is taken', async (algorithm) => {
  const provider = await startIdentityProvider({ accounts: { ada: {} }, clients: [portalClient()], algorithm })
  const signIn = signInOf([issuerOf('one', provider.issuer, { exchange: { clients: ['portal'] } })])
  const app = site.api.another({}, site.api.db, { signIn })
  const { idToken: shown } = await signInAtPortal(provider.issuer, 'ada')
  expect((await exchange(app, shown)).status).toBe(200)
  await provider.close()
})

test('the ID token of another client is not taken', async () => {
  const { idToken: shown } = await signInAtPortal(real.issuer, 'ada', { client: 'another' })
  const answer = await send(shown)
  expect(answer.status).toBe(400)
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  expect(answer.body).toMatchObject({ error: 'invalid_request', code: 'malformed_request' })
  expect(answer.text).not.toContain(shown)
})

test('only who is in the groups is let in, and a token that does not say is no proof', async () => {
  for (const groups of [['others'], [], undefined, 'beam', { beamline: true }]) {
    const answer = await send(await made.sign(idToken({ sub: 'outsider', groups })))
    expect(answer.body).toMatchObject({ error: 'invalid_request', reason: 'not_in_group', code: 'forbidden' })
  }
  const known = await site.api.db.selectFrom('identity').select('subject').where('subject', '=', 'outsider').execute()
  expect(known).toEqual([])
  const refused = await site.api.db
    .selectFrom('audit_event')
    .select(['subject_id', 'code'])
    .where('outcome', '=', 'refused')
    .where('client', '=', 'exchange-made')
    .execute()
  // Of one caller and one reason once a minute: whoever tries for long fills no audit.
  expect(refused).toEqual([{ subject_id: 'made', code: 'forbidden' }])
})

test('what a token says of groups counts 15 minutes, and what it is exchanged for no longer', async () => {
  const minutesAgo = async (minutes: number | undefined) => {
    const iat = minutes === undefined ? undefined : now() - minutes * 60
    return await send(await made.sign(idToken({ sub: 'kept', iat })))
  }
  expect((await minutesAgo(10)).body['expires_in']).toBeLessThanOrEqual(300)
  // Its time would be up: other clocks may be behind by 30 s.
  expect((await minutesAgo(15)).body['expires_in']).toBeLessThanOrEqual(30)
  for (const stale of [16, 59, undefined])
    expect((await minutesAgo(stale)).body, String(stale)).toMatchObject({
      error: 'invalid_request',
      reason: 'groups_stale',
    })
  // Where groups decide nothing, the token's own end counts.
  const signIn = signInOf([issuerOf('made', made.issuer, { exchange: { clients: ['portal'] } })])
  const app = site.api.another({}, site.api.db, { signIn })
  const old = await exchange(app, await made.sign(idToken({ sub: 'free', iat: now() - 3_000 })))
  expect(old.body['expires_in']).toBeGreaterThan(800)
})

test('that somebody left the groups ends what they hold, unless a newer word says that they are in', async () => {
  const shown = async (iat: number, groups?: readonly string[]) =>
    await send(await made.sign(idToken({ sub: 'mover', iat, groups })))
  const given = (await shown(now() - 60, ['beamline'])).body['access_token']
  for (const [iat, groups] of [
    [now() - 120, ['others']],
    [now(), undefined],
  ] as const) {
    expect((await shown(iat, groups)).body['reason']).toBe('not_in_group')
    expect((await whoIs(given)).status).toBe(200)
  }
  expect((await shown(now() - 30, ['others'])).body['reason']).toBe('not_in_group')
  expect((await whoIs(given)).status).toBe(401)
  // An older word lets nobody in again.
  expect((await shown(now() - 45, ['beamline'])).body['reason']).toBe('groups_stale')
  expect((await shown(now(), ['beamline'])).status).toBe(200)
})

test('a first exchange makes an account by the rule of the issuer alone', async () => {
  const exchanging = { exchange: { clients: ['portal'] } }
  const rule = { rule: 'domain', domains: ['example.org'] }
  const signIn = signInOf([issuerOf('made', made.issuer, { ...exchanging, firstSignIn: rule })])
  const app = site.api.another({}, site.api.db, { signIn })
  const as = async (sub: string, email: string, email_verified: boolean) =>
    await exchange(app, await made.sign(idToken({ sub, email, email_verified })))
  expect((await as('one', 'one@example.org', false)).body['reason']).toBe('not_admitted')
  expect((await as('one', 'one@elsewhere.example', true)).body['reason']).toBe('not_admitted')
  expect((await as('one', 'one@example.org', true)).status).toBe(200)
  // What a later token leaves out is not taken back.
  expect((await exchange(app, await made.sign(idToken({ sub: 'one', name: undefined })))).status).toBe(200)
  const row = await site.api.db.selectFrom('identity').selectAll().where('subject', '=', 'one').executeTakeFirst()
  expect(row).toMatchObject({ email: 'one@example.org', email_verified: true, display_name: 'Eve' })
})

test('exchanges at once of one account wait for each other, and each is answered', async () => {
  const token = await made.sign(idToken({ sub: 'busy' }))
  const answers = await Promise.all(Array.from({ length: 8 }, () => send(token)))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  const accounts = await Promise.all(answers.map(({ body }) => accountOf(body['access_token'])))
  expect(new Set(accounts).size).toBe(1)
})

test('catalogues are asked about whoever a portal signs in, as at a sign-in', async () => {
  const signIn = signInOf([issuerOf('made', made.issuer, gated)])
  const app = site.api.another({ catalogues: [{ id: 'office', extent: 'person' }] }, site.api.db, { signIn })
  const given = (await exchange(app, await made.sign(idToken({ sub: 'visitor' })))).body['access_token']
  const asked = await site.api.db.selectFrom('catalogue_sync').select(['source', 'account_id']).execute()
  expect(asked).toEqual([{ source: 'office', account_id: await accountOf(given) }])
})

test('it never outlives what it was exchanged for', async () => {
  const answer = await send(await made.sign(idToken({ sub: 'short', exp: now() + 60 })))
  expect(answer.body['expires_in']).toBeLessThanOrEqual(60)
  const late = await send(await made.sign(idToken({ sub: 'short', exp: now() - 10 })))
  expect(late.body['expires_in']).toBeLessThanOrEqual(20)
})

test('it ends when the account is disabled, and there is no other', async () => {
  const token = await made.sign(idToken({ sub: 'leaver' }))
  const given = (await send(token)).body['access_token']
  const admin = await site.api.person({ roles: ['admin'] })
  const id = await accountOf(given)
  const ask = { token: admin.token, body: {} }
  expect((await site.api.call('POST', `/v1/accounts/${id}/disable`, ask)).status).toBeLessThan(300)
  expect((await whoIs(given)).status).toBe(401)
  expect((await send(token)).body).toMatchObject({ error: 'invalid_request', reason: 'account_disabled' })
})

test('an exchanged token does what people do at their desks, and no more, an admin too', async () => {
  const token = await made.sign(idToken({ sub: 'boss' }))
  const given = String((await send(token)).body['access_token'])
  const id = await accountOf(given)
  await site.api.db
    .updateTable('account')
    .set({ roles: ['admin'] })
    .where('id', '=', id)
    .execute()
  expect((await site.api.call('GET', '/v1/sessions', { token: given })).status).toBe(200)
  expect((await site.api.call('GET', '/v1/tokens', { token: given })).status).toBe(403)
  expect((await site.api.call('GET', '/v1/providers', { token: given })).status).toBe(403)
  const acting = { token: given, headers: { 'carrel-on-behalf-of': (await site.api.person()).id } }
  expect((await site.api.call('GET', '/v1/sessions', acting)).status).toBe(403)
  for (const scope of ['admin', 'act-as', 'provision', 'tokens', 'read admin', 'openid'])
    expect((await send(token, 'id_token', { scope })).body['error']).toBe('invalid_scope')
  expect((await send(token, 'id_token', { scope: 'read' })).body['scope']).toBe('read')
})

test.each<[string, Record<string, string>, string]>([
  ['no grant_type', {}, 'invalid_request'],
  ['another grant', { grant_type: 'password', username: 'ada', password: 'secret' }, 'unsupported_grant_type'],
  ['nothing to exchange', { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange' }, 'invalid_request'],
])('a form with %s is refused in the words of the RFC', async (_what, fields, error) => {
  const answer = await sendForm(site.app, '/v1/token', fields)
  expect([answer.status, answer.body['error']]).toEqual([400, error])
})

test('what is not to be had by an exchange is refused in the words of the RFC', async () => {
  const token = await made.sign(idToken())
  const asking = async (more: Record<string, string>) => (await send(token, 'id_token', more)).body['error']
  expect(await asking({ resource: 'https://elsewhere.example.org' })).toBe('invalid_target')
  expect(await asking({ actor_token: token })).toBe('invalid_request')
  expect(await asking({ requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' })).toBe(
    'invalid_request',
  )
  expect(await asking({ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' })).toBe('invalid_request')
  const twice = await site.api.call('POST', '/v1/token', {
    key: null,
    body: 'grant_type=a&grant_type=b',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect([twice.status, twice.body['error']]).toEqual([400, 'invalid_request'])
})

test('an issuer whose keys cannot be had is told apart from a token that does not hold', async () => {
  const gone = await startHostileProvider()
  const signIn = signInOf([issuerOf('gone', gone.issuer, { exchange: { clients: ['portal'] } })])
  const app = site.api.another({}, site.api.db, { signIn })
  const token = await gone.sign({ ...idToken(), iss: gone.issuer })
  gone.behave({ huge: 'discovery' })
  const answer = await exchange(app, token)
  expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
  await gone.close()
})

test('an address that asks too often waits', async () => {
  const env = { CARREL_TOKEN_LIMIT_PER_MINUTE: '2' }
  const signIn = signInOf([issuerOf('made', made.issuer)], { env })
  const app = site.api.another({}, site.api.db, { signIn })
  const ask = async () => (await sendForm(app, '/v1/token', {})).status
  expect([await ask(), await ask(), await ask()]).toEqual([400, 400, 429])
})

test('exchanged tokens are listed while they hold, and forgotten a day after', async () => {
  const token = await made.sign(idToken({ sub: 'steady' }))
  const id = await accountOf((await send(token)).body['access_token'])
  const own = await site.api.token(id)
  const listed = async () => (await site.api.call('GET', '/v1/tokens', { token: own })).body.items.map((t) => t.name)
  expect(await listed()).toContain('From Issuer made')
  const old = { expires_at: new Date(Date.now() - 25 * 3_600_000) }
  await site.api.db.updateTable('token').set(old).where('account_id', '=', id).where('exchanged', '=', true).execute()
  expect(await listed()).not.toContain('From Issuer made')
  await send(token)
  const rows = await site.api.db.selectFrom('token').select('id').where('account_id', '=', id).execute()
  expect(rows).toHaveLength(2)
})
