import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { disableAccount, enableAccount } from '../../../db/account-standing.ts'
import type { Trx } from '../../../db/connect.ts'
import type { AccountId } from '../../../domain/ids.ts'
import type { Answer } from '../../setup/api.ts'
import { holding } from '../../setup/blocked.ts'
import { callbackOf, carrel, issuerOf, signsIn, signInOf, startSignInSite, whoIs } from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'
import { deviceGrant, sendForm } from '../../setup/portals.ts'
import { personCookie, startIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { TestIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { TestBrowser } from '../../support/oidc/test-browser.ts'

let provider: TestIdentityProvider
let site: SignInSite
let ada: TestBrowser
beforeAll(async () => {
  provider = await startIdentityProvider({
    accounts: { ada: { name: 'Ada' }, bob: { name: 'Bob' }, carol: { name: 'Carol' }, eve: { name: 'Eve' } },
    clients: [
      { client_id: 'carrel', client_secret: 'a secret of the client', redirect_uris: [callbackOf('university')] },
    ],
  })
  site = await startSignInSite([issuerOf('university', provider.issuer)])
  ada = await signedIn('ada')
})
afterAll(async () => {
  await site.close()
  await provider.close()
})

async function signedIn(person: string): Promise<TestBrowser> {
  const browser = site.browser()
  browser.setCookie(provider.issuer, personCookie, person)
  await signsIn(browser, 'university')
  return browser
}

interface Device {
  readonly device: string
  readonly user: string
}
async function begin(scope?: string): Promise<Device> {
  const answer = await sendForm(site.app, '/v1/device-authorizations', {
    client_id: 'carrel-cli',
    ...(scope === undefined ? {} : { scope }),
  })
  expect(answer.status).toBe(200)
  return { device: String(answer.body['device_code']), user: String(answer.body['user_code']) }
}
const poll = async ({ device }: Device, client = 'carrel-cli'): Promise<Answer> =>
  await sendForm(site.app, '/v1/token', { grant_type: deviceGrant, device_code: device, client_id: client })
const pathOf = (user: string) => `${carrel}/v1/device-authorizations/${user}`
const approve = async (browser: TestBrowser, { user }: Device, body: object = {}): Promise<number> =>
  (await browser.send('POST', `${pathOf(user)}/approve`, { body })).status
const deny = async (browser: TestBrowser, { user }: Device): Promise<number> =>
  (await browser.send('POST', `${pathOf(user)}/deny`, { body: {} })).status

test('a program is let in by a browser, once, as whoever approves it', async () => {
  const begun = await sendForm(site.app, '/v1/device-authorizations', { client_id: 'carrel-cli' })
  expect(begun.body).toMatchObject({
    user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/) as string,
    verification_uri: `${carrel}/device`,
    expires_in: 600,
    interval: 5,
  })
  const asked = { device: String(begun.body['device_code']), user: String(begun.body['user_code']) }
  expect((await poll(asked)).body).toMatchObject({ error: 'authorization_pending' })
  const shown = await ada.send('GET', pathOf(asked.user.toLowerCase().replace('-', '')))
  expect(await shown.json()).toMatchObject({ client: 'carrel-cli', scopes: ['read', 'sessions', 'projects'] })
  expect(await approve(ada, asked)).toBe(204)
  const given = await poll(asked)
  expect(given.body).toMatchObject({ token_type: 'Bearer', scope: 'read sessions projects' })
  expect(given.body['expires_in']).toBeGreaterThan(29 * 86_400)
  const token = String(given.body['access_token'])
  const me = (await (await ada.send('GET', `${carrel}/v1/whoami`)).json()) as { account: { id: string } }
  expect((await site.api.call('GET', '/v1/whoami', { token })).body.account.id).toBe(me.account.id)
  expect((await poll(asked)).body).toMatchObject({ error: 'invalid_grant' })
  expect(await approve(ada, asked)).toBe(404)
})

test('its token is among those of its owner, and ends where they end it', async () => {
  const asked = await begin('read')
  await approve(ada, asked)
  const token = String((await poll(asked)).body['access_token'])
  const list = (await (await ada.send('GET', `${carrel}/v1/tokens`)).json()) as {
    items: { id: string; name: string }[]
  }
  const [newest] = list.items
  expect(newest).toMatchObject({ name: 'Device sign-in of carrel-cli', client: 'carrel-cli', scopes: ['read'] })
  expect((await ada.send('DELETE', `${carrel}/v1/tokens/${newest?.id}`)).status).toBe(204)
  expect((await site.api.call('GET', '/v1/whoami', { token })).status).toBe(401)
})

test('who asks too fast is slowed down, and more each time', async () => {
  const asked = await begin()
  const said = [await poll(asked), await poll(asked), await poll(asked)].map(({ body }) => body['error'])
  expect(said).toEqual(['authorization_pending', 'slow_down', 'slow_down'])
  const rows = await site.api.db
    .selectFrom('device_authorization')
    .select('interval_seconds')
    .where('polled_at', 'is not', null)
    .where('state', '=', 'pending')
    .execute()
  expect(rows.map((row) => row.interval_seconds)).toEqual([15])
  expect(await deny(ada, asked)).toBe(204)
})

test('denied, too late or of another program it gets nothing', async () => {
  const denied = await begin()
  expect(await deny(ada, denied)).toBe(204)
  expect((await poll(denied)).body['error']).toBe('access_denied')
  const late = await begin()
  await approve(ada, late)
  const past = { expires_at: new Date(Date.now() - 1_000) }
  await site.api.db.updateTable('device_authorization').set(past).where('state', '=', 'approved').execute()
  expect((await poll(late)).body['error']).toBe('expired_token')
  const other = await begin()
  await approve(ada, other)
  expect((await poll(other, 'another-program')).body['error']).toBe('invalid_grant')
  expect((await poll({ ...other, device: 'made-up' })).body['error']).toBe('invalid_grant')
  expect((await poll(other)).status).toBe(200)
})

test('two answers at once are one, and two polls at once are one token', async () => {
  // ada: approve ── lock ── write ── commit
  // bob:  approve ─── lock (waits) ······· answered already ── 404
  const bob = await signedIn('bob')
  const asked = await begin()
  const answers = await Promise.all([approve(ada, asked), approve(bob, asked), deny(bob, asked)])
  expect(answers.filter((status) => status === 204)).toHaveLength(1)
  const again = await begin()
  await approve(ada, again)
  const polls = await Promise.all([poll(again), poll(again), poll(again)])
  expect(polls.filter(({ body }) => body['access_token'] !== undefined)).toHaveLength(1)
  expect(polls.filter(({ body }) => body['error'] === 'invalid_grant')).toHaveLength(2)
})

describe('what it is given', () => {
  const grantedTo = async (asked: Device, body: object): Promise<unknown> => {
    const status = await approve(ada, asked, body)
    return status === 204 ? (await poll(asked)).body['scope'] : status
  }

  test('is at most what it asked for, and less where that is named', async () => {
    expect(await grantedTo(await begin('read sessions'), { scopes: ['read'] })).toBe('read')
    expect(await grantedTo(await begin('read'), { scopes: ['read', 'sessions'] })).toBe(422)
  })

  test('is at most what its owner may give, and what is strong only where it is named', async () => {
    expect(await grantedTo(await begin('read tokens admin'), {})).toBe('read')
    expect(await grantedTo(await begin('read tokens'), { scopes: ['read', 'tokens'] })).toBe('read tokens')
    expect(await grantedTo(await begin('read admin'), { scopes: ['admin'] })).toBe(403)
    expect(await grantedTo(await begin('admin'), {})).toBe(403)
  })

  test.each(['act-as', 'provision', 'read act-as', 'everything'])('is never %s', async (scope) => {
    const answer = await sendForm(site.app, '/v1/device-authorizations', { client_id: 'carrel-cli', scope })
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_scope'])
  })

  test('is nothing any more where its owner was disabled in between', async () => {
    const eve = await signedIn('eve')
    const asked = await begin()
    expect(await approve(eve, asked)).toBe(204)
    const id = (await whoIs(eve)).account?.id as AccountId
    await site.api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', id).execute()
    expect((await poll(asked)).body['error']).toBe('access_denied')
    expect((await poll(asked)).body['error']).toBe('invalid_grant')
  })
})

describe('who lets a program in', () => {
  test('does so from a page of this origin, signed in, and for themselves', async () => {
    const asked = await begin()
    const foreign = { body: {}, headers: { origin: 'https://evil.example' } }
    expect((await ada.send('POST', `${pathOf(asked.user)}/approve`, foreign)).status).toBe(403)
    expect((await site.browser().send('POST', `${pathOf(asked.user)}/approve`, { body: {} })).status).toBe(401)
    const portal = await site.api.person()
    const acting = { 'carrel-on-behalf-of': (await site.api.person()).id }
    const path = `/v1/device-authorizations/${asked.user}`
    const posing = { token: portal.token, key: null, headers: acting }
    expect((await site.api.call('POST', `${path}/approve`, { ...posing, body: {} })).status).toBe(403)
    expect((await site.api.call('GET', path, posing)).status).toBe(403)
    // Nor does a program let in another one, whatever it may: somebody sits at a browser.
    const own = { token: portal.token, key: null, body: {} }
    const program = await site.api.call('POST', `${path}/approve`, own)
    expect([program.status, program.body.code]).toEqual([403, 'browser_required'])
    // Looking changes nothing.
    for (const method of ['GET', 'HEAD']) await ada.send(method, pathOf(asked.user))
    expect((await poll(asked)).body['error']).toBe('authorization_pending')
  })

  test('does not guess: after ten codes that are nobody’s none is looked up', async () => {
    const asked = await begin()
    const guesser = await site.api.person()
    const look = async (user: string) =>
      (await site.api.call('GET', `/v1/device-authorizations/${user}`, { token: guesser.token })).status
    const tries = await Promise.all(Array.from({ length: 14 }, () => look('BBBB-BBBB')))
    expect([...tries].sort((a, b) => a - b)).toEqual([...Array<number>(10).fill(404), ...Array<number>(4).fill(429)])
    expect(await look(asked.user)).toBe(429)
    // Others are not kept from it, and a code that is right is no guess.
    for (let i = 0; i < 12; i++) expect((await ada.send('GET', pathOf(asked.user))).status).toBe(200)
  })
})

test('what was approved is not to be fetched once its account was disabled, and enabled again', async () => {
  const asked = await begin()
  const bob = await signedIn('bob')
  expect(await approve(bob, asked)).toBe(204)
  const me = (await (await bob.send('GET', `${carrel}/v1/whoami`)).json()) as { account: { id: string } }
  const admin = await site.api.person({ roles: ['admin'] })
  for (const deed of ['disable', 'enable'])
    expect(
      (await site.api.call('POST', `/v1/accounts/${me.account.id}/${deed}`, { token: admin.token, key: null })).status,
    ).toBe(200)
  expect((await poll(asked)).body).toMatchObject({ error: 'invalid_grant' })
})

describe('beside somebody who disables its account, and enables it again', () => {
  const standing = async (person: string) => {
    const browser = await signedIn(person)
    const me = (await (await browser.send('GET', `${carrel}/v1/whoami`)).json()) as { account: { id: AccountId } }
    const outAndIn = async (trx: Trx) => {
      await disableAccount(trx, me.account.id)
      await enableAccount(trx, me.account.id)
    }
    return { browser, outAndIn, id: me.account.id }
  }

  test('who was signed in before lets nothing in', async () => {
    // admin:   lock account ── disable ── enable ── commit
    // approve:   signed in ── lock account (waits) ········ signed in no more
    const { browser, outAndIn } = await standing('carol')
    const asked = await begin()
    expect(await holding(site.api.db, outAndIn, () => approve(browser, asked))).toBe(401)
    expect((await poll(asked)).body['error']).toBe('authorization_pending')
  })

  test('who was signed in before makes no token', async () => {
    const { browser, outAndIn, id } = await standing('carol')
    const body = { name: 'Later', client: 'cli', scopes: ['read'] }
    const make = () => browser.send('POST', `${carrel}/v1/tokens`, { body, headers: { 'idempotency-key': 'later' } })
    expect((await holding(site.api.db, outAndIn, make)).status).toBe(401)
    const made = site.api.db.selectFrom('token').select('name').where('account_id', '=', id)
    expect(await made.where('name', '=', 'Later').execute()).toEqual([])
  })

  test('what was approved before is not fetched', async () => {
    // admin: lock account ── disable, forget approval ── enable ── commit
    // fetch:   lock account (waits) ···························· nothing to fetch
    const { browser, outAndIn } = await standing('carol')
    const asked = await begin()
    expect(await approve(browser, asked)).toBe(204)
    expect((await holding(site.api.db, outAndIn, () => poll(asked))).body['error']).toBe('invalid_grant')
  })
})

test('codes are in no row, no log and no line of the audit', async () => {
  const asked = await begin()
  await poll(asked)
  await approve(ada, asked)
  const token = String((await poll(asked)).body['access_token'])
  const rows = await site.api.db.selectFrom('device_authorization').selectAll().execute()
  const audit = await site.api.db.selectFrom('audit_event').selectAll().execute()
  const text = [JSON.stringify(rows), JSON.stringify(audit), ...site.api.logged].join('\n')
  expect(text).toContain('approveDeviceAuthorization')
  for (const secret of [asked.device, asked.user, asked.user.replace('-', ''), token])
    expect(text).not.toContain(secret)
})

test('its page is the same for everybody, in nobody’s frame, and runs nothing that is not its own', async () => {
  const answer = await ada.send('GET', `${carrel}/device`)
  expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  expect(answer.headers.get('content-security-policy')).not.toContain('unsafe')
  const text = await answer.text()
  expect(text).not.toMatch(/<script>|onclick|style=/)
  expect((await ada.send('GET', `${carrel}/device/page.js`)).status).toBe(200)
})

test('an address that begins too many waits', async () => {
  const signIn = signInOf([], { env: { CARREL_SIGN_IN_LIMIT_PER_MINUTE: '2' } })
  const app = site.api.another({}, site.api.db, { signIn })
  const ask = async () => (await sendForm(app, '/v1/device-authorizations', { client_id: 'cli' })).status
  expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429])
})
