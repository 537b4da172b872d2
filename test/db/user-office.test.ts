import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { Answer, TestApi } from '../setup/api.ts'
import { plainSignIn } from '../setup/sign-in-requests.ts'
import { issuer, proxy, userOfficeOf } from '../setup/user-office.ts'
import { startUserOffice } from '../support/user-office/user-office.ts'
import type { TestUserOffice } from '../support/user-office/user-office.ts'

const origin = plainSignIn.origin

let office: TestUserOffice
let api: TestApi

const configured = (more: object = {}, triesPerName = 1_000) => userOfficeOf(office, more, { triesPerName })

beforeAll(async () => {
  office = await startUserOffice()
  const catalogues = [{ id: 'office', extent: 'person' }] as const
  api = await startApi({ catalogues }, { signIn: plainSignIn, userOffice: configured() })
})
afterAll(async () => {
  await api.close()
  await office.close()
})
beforeEach(() => {
  office.passwords.set('ada', 'correct horse').set('grace', 'battery staple')
})
afterEach(() => {
  office.instead = null
})

interface Coming {
  readonly peer?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly app?: TestApi['app']
}

async function post(path: string, body: object, { peer = '192.0.2.9', headers = {}, app = api.app }: Coming = {}) {
  const incoming = { socket: { remoteAddress: peer } }
  const request = new Request(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin, ...headers },
    body: JSON.stringify(body),
  })
  const answer = await app.app.fetch(request, { incoming })
  const text = await answer.text()
  const { status, headers: said } = answer
  const read: Answer = { status, headers: said, text, body: text === '' ? {} : JSON.parse(text) }
  return read
}
const logIn = (username: string, password: string, coming: Coming = {}) =>
  post('/v1/sign-in/user-office', { username, password }, coming)
const federated = (headers: Readonly<Record<string, string>>, peer = proxy) =>
  post('/v1/sign-in/umbrella', {}, { peer, headers })

const cookieOf = ({ headers }: Answer) => headers.get('set-cookie')?.split(';')[0] ?? ''
async function whoHas(answer: Answer): Promise<Answer['body']> {
  const asked = await api.app.app.request(`${origin}/v1/whoami`, { headers: { cookie: cookieOf(answer) } })
  expect(asked.status).toBe(200)
  return (await asked.json()) as Answer['body']
}
const identitiesOf = async (login: string) =>
  await api.db.selectFrom('identity').selectAll().where('issuer', '=', issuer).where('subject', '=', login).execute()

describe('a name and a password', () => {
  test('sign a browser in as that login, and the same account the next time', async () => {
    const first = await logIn('ada', 'correct horse')
    expect(first).toMatchObject({ status: 200, body: { returnUrl: plainSignIn.returnUrls[0] } })
    const { account } = await whoHas(first)
    expect(await identitiesOf('ada')).toMatchObject([{ account_id: account.id, claims: { login: 'ada' } }])
    expect((await whoHas(await logIn('ada', 'correct horse'))).account.id).toBe(account.id)
  })

  test('what the office says of somebody, a portal that vouches for its people does not change', async () => {
    const { account } = await whoHas(await logIn('grace', 'battery staple'))
    const admin = await api.person({ roles: ['admin'] })
    const made = await api.call('POST', '/v1/tokens', {
      token: admin.token,
      body: { name: 'Portal', client: 'portal', scopes: ['act-as', 'sessions'], issuer },
    })
    const vouch = (subject: string) =>
      api.call('POST', '/v1/vouched-accounts', {
        token: made.body.secret,
        key: null,
        body: { subject, displayName: 'Forged', email: 'forged@example.org', emailVerified: true },
      })
    expect((await vouch('grace')).body).toMatchObject({ id: account.id, made: false })
    expect(await identitiesOf('grace')).toMatchObject([
      { account_id: account.id, claims: { login: 'grace' }, email: null, email_verified: false },
    ])
    expect((await vouch('not-seen-yet')).body['made']).toBe(true)
    expect(await identitiesOf('not-seen-yet')).toMatchObject([{ email_verified: false }])
  })

  test('that are not known are one answer, no sooner the one than the other', async () => {
    const begun = performance.now()
    const unknown = await logIn('nobody', 'correct horse')
    const between = performance.now()
    const wrong = await logIn('ada', 'wrong')
    const ended = performance.now()
    const said = ({ status, body }: Answer) => ({ status, ...body, requestId: null })
    expect(said(unknown)).toEqual(said(wrong))
    expect(unknown).toMatchObject({ status: 401, body: { code: 'sign_in_refused' } })
    expect(cookieOf(unknown)).toBe('')
    // Timers may be early by a fraction of a millisecond.
    expect(between - begun).toBeGreaterThan(145)
    expect(ended - between).toBeGreaterThan(145)
    // What is no login at all is not even sent, and answered alike.
    const heard = office.heard.length
    expect(said(await logIn('../ada', 'x'))).toEqual(said(wrong))
    expect(office.heard).toHaveLength(heard)
    office.instead = { status: 400, text: '{}' }
    expect(said(await logIn('ada', 'x'))).toEqual(said(wrong))
  })

  test('are kept nowhere, nor is a name that is not known', async () => {
    await logIn('grace', 'battery staple')
    await logIn('s3cret-in-the-wrong-field', 'another s3cret')
    const kept = [
      await api.db.selectFrom('audit_event').selectAll().execute(),
      await api.db.selectFrom('identity').selectAll().execute(),
      await api.db.selectFrom('browser_session').selectAll().execute(),
      await api.db.selectFrom('token').selectAll().execute(),
      api.logged,
    ]
    const text = JSON.stringify(kept)
    for (const word of ['battery', 's3cret']) expect(text).not.toContain(word)
    expect(text).toContain('sign_in_refused')
  })

  test('are tried so often of one name, whoever it is and however it is written', async () => {
    const app = api.another({}, api.db, { userOffice: configured({}, 2) })
    const statuses = []
    for (const name of ['eve', 'EVE', 'eve', 'ada']) statuses.push((await logIn(name, 'guess', { app })).status)
    expect(statuses).toEqual([401, 401, 429, 401])
  })

  test('and so often from one address', async () => {
    const signIn = { ...plainSignIn, perMinute: 2 }
    const app = api.another({}, api.db, { signIn, userOffice: configured() })
    const statuses = []
    for (const name of ['one', 'two', 'three']) statuses.push((await logIn(name, 'guess', { app })).status)
    expect(statuses).toEqual([401, 401, 429])
  })

  test.each([
    ['a page of another origin', { origin: 'https://evil.example.org' }],
    ['another host of the same site', { origin: 'http://portal.carrel.test', 'sec-fetch-site': 'same-site' }],
  ])('are not taken from %s', async (_, headers) => {
    const heard = office.heard.length
    expect(await logIn('ada', 'correct horse', { headers })).toMatchObject({
      status: 403,
      body: { code: 'cross_site' },
    })
    expect(office.heard).toHaveLength(heard)
  })

  test('give no account to whom nobody let in, and none that is disabled', async () => {
    office.passwords.set('new', 'x')
    const app = api.another({}, api.db, { userOffice: configured({ firstSignIn: { rule: 'invitation' } }) })
    const answer = await logIn('new', 'x', { app })
    expect(answer).toMatchObject({ status: 403, body: { code: 'sign_in_forbidden' } })
    expect(await identitiesOf('new')).toEqual([])
    const { account } = await whoHas(await logIn('new', 'x'))
    await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', account.id).execute()
    expect(await logIn('new', 'x')).toMatchObject({ status: 403, body: { code: 'sign_in_forbidden' } })
  })

  test('are not taken where the site has not switched that on', async () => {
    const app = api.another({}, api.db, { userOffice: configured({ passwords: undefined }) })
    expect((await logIn('ada', 'correct horse', { app })).status).toBe(404)
    const methods = await app.app.request('/v1/sign-in-methods')
    expect(JSON.stringify(await methods.json())).not.toContain('user_office')
    const all = await api.call('GET', '/v1/sign-in-methods')
    expect(all.body.items.map(({ url }) => url)).toEqual(
      expect.arrayContaining(['/v1/sign-in/user-office', '/v1/sign-in/umbrella']),
    )
  })

  test.each([
    ['breaks', { status: 500, text: 'SELECT secrets' }],
    ['is moved', { status: 302, text: '' }],
    ['says too much', { status: 200, text: 'x'.repeat(100_000) }],
    ['says nothing', 'silent' as const],
  ])('are an unavailable user office where that %s', async (_, instead) => {
    office.instead = instead
    const hasty = () => api.another({}, api.db, { userOffice: userOfficeOf(office, {}, { timeoutMs: 500 }) })
    const answer = await logIn('ada', 'correct horse', { app: instead === 'silent' ? hasty() : api.app })
    expect(answer).toMatchObject({ status: 503, body: { code: 'user_office_unavailable' } })
    expect(answer.text).not.toContain('SELECT')
    expect(cookieOf(answer)).toBe('')
  })
})

describe('the federation', () => {
  const hash = 'c0ffee00c0ffee00'

  test('signs in as the login that the user office returns, never as the uid that a client sends', async () => {
    office.hashes.set(hash, 'grace')
    const { account } = await whoHas(await logIn('ada', 'correct horse'))
    const answer = await federated({ EAAHash: hash, uid: 'ada' })
    expect(answer.status).toBe(200)
    const who = await whoHas(answer)
    expect(who.account.id).not.toBe(account.id)
    expect(await identitiesOf('grace')).toMatchObject([{ account_id: who.account.id }])
    // A uid alone is nothing at all.
    expect(await federated({ uid: 'ada' })).toMatchObject({ status: 401, body: { code: 'sign_in_refused' } })
  })

  test('its headers count only from the proxy that is connected, whatever the request says of its way', async () => {
    office.hashes.set(hash, 'grace')
    const heard = office.heard.length
    const spoofed = {
      EAAHash: hash,
      uid: 'grace',
      'x-forwarded-for': proxy,
      'x-real-ip': proxy,
      forwarded: `for=${proxy}`,
    }
    for (const peer of ['192.0.2.9', '192.0.2.81', '::1', 'unknown'])
      expect(await federated(spoofed, peer)).toMatchObject({ status: 403, body: { code: 'untrusted_proxy' } })
    expect(office.heard).toHaveLength(heard)
    // One of IPv4 as a socket of both kinds calls it.
    expect((await federated({ EAAHash: hash }, `::ffff:${proxy}`)).status).toBe(200)
  })

  test('one header of a caller beside that of the proxy makes neither count', async () => {
    office.hashes.set(hash, 'grace').set(`deadbeef, ${hash}`, 'ada')
    expect((await federated({ EAAHash: `deadbeef, ${hash}` })).status).toBe(401)
  })

  test.each([
    ['nobody', { status: 404, text: '{}' }, 401],
    ['a login that is none', { status: 200, text: '{"login": "../../root"}' }, 503],
    ['no login', { status: 200, text: '{"uid": "ada"}' }, 503],
  ])('that says %s signs nobody in', async (_, instead, status) => {
    office.instead = instead
    const answer = await federated({ EAAHash: hash, uid: 'ada' })
    expect(answer.status).toBe(status)
    expect(cookieOf(answer)).toBe('')
  })
})

describe('whoever is signed in', () => {
  const hash = 'decade00decade00'
  const links = (path: string, body: object, by: Answer, coming: Coming = {}) =>
    post(path, body, { ...coming, headers: { cookie: cookieOf(by), ...coming.headers } })
  const linksByPassword = (username: string, password: string, by: Answer) =>
    links('/v1/identities/user-office', { username, password }, by)

  test('links a further identity by its name and password, and is one person by both', async () => {
    office.passwords.set('mary', 'one').set('mary.s', 'two')
    const mary = await logIn('mary', 'one')
    const { account } = await whoHas(mary)
    expect((await linksByPassword('mary.s', 'two', mary)).status).toBe(204)
    // The sign-in had the catalogue asked, too, and did not know of this login.
    const asked = api.db.selectFrom('catalogue_sync').select('source').where('account_id', '=', account.id)
    expect(await asked.execute()).toEqual([{ source: 'office' }, { source: 'office' }])
    expect((await linksByPassword('mary.s', 'two', mary)).status).toBe(204)
    expect((await whoHas(await logIn('mary.s', 'two'))).account.id).toBe(account.id)
    expect((await whoHas(mary)).account.id).toBe(account.id)
  })

  test('links one by the federation, through its proxy alone', async () => {
    office.passwords.set('rosalind', 'x')
    office.hashes.set(hash, 'rosalind.f')
    const rosalind = await logIn('rosalind', 'x')
    const shown = { EAAHash: hash }
    const around = await links('/v1/identities/umbrella', {}, rosalind, { headers: shown })
    expect(around).toMatchObject({ status: 403, body: { code: 'untrusted_proxy' } })
    expect(await identitiesOf('rosalind.f')).toEqual([])
    const through = await links('/v1/identities/umbrella', {}, rosalind, { headers: shown, peer: proxy })
    expect(through.status).toBe(204)
    expect(await identitiesOf('rosalind.f')).toMatchObject([{ account_id: (await whoHas(rosalind)).account.id }])
  })

  test("links nothing that is another account's, that is not known, or from a page of another origin", async () => {
    office.passwords.set('lise', 'x').set('otto', 'y').set('free', 'z')
    const [lise, otto] = [await logIn('lise', 'x'), await whoHas(await logIn('otto', 'y'))]
    const taken = await linksByPassword('otto', 'y', lise)
    expect(taken).toMatchObject({ status: 409, body: { code: 'identity_taken' } })
    expect(await identitiesOf('otto')).toMatchObject([{ account_id: otto.account.id }])
    expect(await linksByPassword('otto', 'wrong', lise)).toMatchObject({
      status: 401,
      body: { code: 'sign_in_refused' },
    })
    const foreign = { headers: { origin: 'https://evil.example.org' } }
    const crossed = await links('/v1/identities/user-office', { username: 'free', password: 'z' }, lise, foreign)
    expect(crossed).toMatchObject({ status: 403, body: { code: 'cross_site' } })
    expect(await identitiesOf('free')).toEqual([])
    const told = await api.db
      .selectFrom('audit_event')
      .select('code')
      .where('action', 'like', 'linkOwnIdentity%')
      .where('outcome', '=', 'refused')
      .where('account_id', '=', (await whoHas(lise)).account.id)
      .execute()
    expect(told.map(({ code }) => code).sort()).toEqual(['cross_site', 'identity_taken', 'sign_in_refused'])
  })
})
