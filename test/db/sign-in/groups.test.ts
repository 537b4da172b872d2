import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { gatesOf } from '../../../api/sign-in/issuers.ts'
import { createRechecks } from '../../../api/sign-in/rechecks.ts'
import { declareGates } from '../../../db/gate.ts'
import type { AccountId } from '../../../domain/ids.ts'
import { callbackOf, issuerOf, signsIn, startSignInSite, toldBy, whoIs } from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'
import { closeServer, startIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { PersonClaims, TestIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { TestBrowser } from '../../support/oidc/test-browser.ts'

/** Globus' list of groups, as far as it goes: who it lists depends on nothing but the test. */
interface GroupList {
  status: number
  body: unknown
}

const accounts: Record<string, PersonClaims> = {}
const listed: GroupList = { status: 200, body: [] }
let provider: TestIdentityProvider
let groupServer: Server
let site: SignInSite
beforeAll(async () => {
  const client = { client_secret: 'a secret of the client' }
  provider = await startIdentityProvider({
    accounts,
    person: 'ada',
    extraClaims: ['groups'],
    clients: [
      {
        ...client,
        client_id: 'carrel',
        redirect_uris: [callbackOf('claim'), callbackOf('globus')],
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
  })
  groupServer = createServer((request, response) => {
    const isAsked = request.headers.authorization?.startsWith('Bearer ') === true
    response.writeHead(isAsked ? listed.status : 401, { 'content-type': 'application/json' })
    response.end(JSON.stringify(listed.body))
  })
  await new Promise<void>((resolve) => groupServer.listen(0, '127.0.0.1', resolve))
  site = await startSignInSite([gated({ groups: { claim: 'groups' } })])
})
afterAll(async () => {
  await site.close()
  await closeServer(groupServer)
  await provider.close()
})
beforeEach(() => {
  accounts['ada'] = { name: 'Ada', groups: ['beamline', 'staff'] }
  Object.assign(listed, { status: 200, body: [{ id: 'beamline', name: 'Beam' }] })
})

const gated = (more: object) =>
  issuerOf('claim', provider.issuer, {
    allowedGroups: ['beamline', 'control-room'],
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    ...more,
  })
const globusUrl = () => `http://127.0.0.1:${(groupServer.address() as AddressInfo).port}/v2/groups/my_groups`

const signedIn = async (where = site): Promise<TestBrowser> => {
  const browser = where.browser()
  expect(toldBy(await signsIn(browser, 'claim'))).toBe('done')
  return browser
}
const recheck = async (where = site) => {
  await where.api.db
    .updateTable('browser_session')
    .set({ check_at: new Date(0) })
    .where('check_at', 'is not', null)
    .execute()
  const { db } = where.api
  await createRechecks({ db, log: quiet, signIn: where.signIn }).runOnce()
}
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const browsersUntil = async (set: { expires_at?: Date; idle_until?: Date }, where = site) =>
  await where.api.db.updateTable('token').set(set).where('client', '=', 'browser').execute()
const soon = async (where = site) => await browsersUntil({ expires_at: new Date(Date.now() + 5 * 60_000) }, where)
const holds = async (where = site): Promise<number[]> => {
  const rows = await where.api.db
    .selectFrom('token')
    .select('expires_at')
    .where('client', '=', 'browser')
    .where('revoked_at', 'is', null)
    .execute()
  return rows.map((row) => Math.round((row.expires_at.getTime() - Date.now()) / 60_000))
}

test('only who is in one of the groups signs in; who says nothing of groups is in none', async () => {
  await signedIn()
  for (const groups of [['staff'], [], undefined, 'Beamline']) {
    accounts['ada'] = { name: 'Ada', groups }
    const told = toldBy(await signsIn(site.browser(), 'claim'))
    expect(told, String(groups)).toBe(groups === undefined ? 'provider_answer_invalid' : 'not_in_group')
  }
  const audit = await site.api.db.selectFrom('audit_event').select('code').where('outcome', '=', 'refused').execute()
  expect(audit.map((row) => row.code)).toContain('not_in_group')
})

test('who stays in the groups stays signed in, by 15 minutes at a time', async () => {
  const browser = await signedIn()
  for (let round = 0; round < 2; round++) {
    await soon()
    await recheck()
    expect((await whoIs(browser)).status).toBe(200)
    expect(Math.max(...(await holds()))).toBeGreaterThan(10)
  }
})

test('who leaves the groups is signed out, and why is in the audit', async () => {
  const browser = await signedIn()
  accounts['ada'] = { name: 'Ada', groups: ['staff'] }
  await recheck()
  expect((await whoIs(browser)).status).toBe(401)
  const audit = await site.api.db
    .selectFrom('audit_event')
    .select(['subject_kind', 'detail'])
    .where('action', '=', 'endBrowserSession')
    .execute()
  expect(audit).toContainEqual({
    subject_kind: 'browser_session',
    detail: { accountId: expect.any(String), why: 'not in its groups any more' },
  })
})

test('whom the issuer knows no more is signed out', async () => {
  const browser = await signedIn()
  delete accounts['ada']
  await recheck()
  expect((await whoIs(browser)).status).toBe(401)
})

test('the word of an issuer that does not answer lasts no longer than it did', async () => {
  const own = await startIdentityProvider({
    accounts,
    person: 'ada',
    extraClaims: ['groups'],
    clients: [
      {
        client_id: 'carrel',
        client_secret: 'a secret of the client',
        redirect_uris: [callbackOf('claim')],
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
  })
  const other = await startSignInSite([{ ...gated({ groups: { claim: 'groups' } }), issuer: own.issuer }])
  try {
    const browser = await signedIn(other)
    await soon(other)
    await own.close()
    await recheck(other)
    // Not thrown out, and not let stay.
    expect((await whoIs(browser)).status).toBe(200)
    expect(Math.max(...(await holds(other)))).toBeLessThanOrEqual(5)
    await browsersUntil({ expires_at: new Date(0) }, other)
    await recheck(other)
    expect((await whoIs(browser)).status).toBe(401)
  } finally {
    await other.close()
  }
})

test('nobody is asked about who is not there', async () => {
  await signedIn()
  await browsersUntil({ idle_until: new Date(0) })
  await site.api.db
    .updateTable('browser_session')
    .set({ check_at: new Date(0) })
    .where('check_at', 'is not', null)
    .execute()
  expect(await createRechecks({ db: site.api.db, log: quiet, signIn: site.signIn }).runOnce()).toBe(0)
})

describe('what a person of the groups holds beside a browser', () => {
  const other = 'https://ungated.example.org'
  /** A token of who is signed in, and one of a portal that acts for them, bound to the issuer. */
  const holding = async (where = site) => {
    const browser = await signedIn(where)
    const id = (await whoIs(browser)).account?.id as AccountId
    const portal = await where.api.person()
    const [token, acting] = [await where.api.token(id), await where.api.token(portal.id)]
    const bound = where.api.db.updateTable('token').set({ issuer: provider.issuer })
    await bound.where('account_id', '=', portal.id).execute()
    const asks = async () => ({
      browser: (await whoIs(browser)).status,
      token: (await where.api.call('GET', '/v1/whoami', { token })).status,
      portal: (await where.api.call('GET', '/v1/whoami', { token: acting, headers: { 'carrel-on-behalf-of': id } }))
        .status,
    })
    return { id, asks }
  }
  const all = { browser: 200, token: 200, portal: 200 }
  const nothing = { browser: 401, token: 401, portal: 403 }
  const leaves = () => (accounts['ada'] = { name: 'Ada', groups: ['staff'] })
  const spoken = async (minutesAgo: number | null) =>
    await site.api.db
      .updateTable('identity')
      .set({ checked_at: minutesAgo === null ? null : new Date(Date.now() - minutesAgo * 60_000) })
      .where('issuer', '=', provider.issuer)
      .execute()
  const signsInAnew = async () => await signsIn(site.browser(), 'claim')

  test.each([
    ['is asked about again', async () => await recheck()],
    ['signs in anew', signsInAnew],
    ['signs in anew, unheard of before', async () => await spoken(null).then(signsInAnew)],
  ])('ends for good when who has left them %s', async (_when, hears) => {
    const { id, asks } = await holding()
    expect(await asks()).toEqual(all)
    leaves()
    await hears()
    expect(await asks()).toEqual(nothing)
    const audit = site.api.db.selectFrom('audit_event').select('detail').where('action', '=', 'withdrawAccess')
    expect(await audit.where('subject_id', '=', id).execute()).toContainEqual({
      detail: { issuer: 'claim', all: true },
    })
    accounts['ada'] = { name: 'Ada', groups: ['beamline'] }
    await signedIn()
    // Portals may act again; what ended stays so.
    expect(await asks()).toEqual({ ...nothing, portal: 200 })
  })

  test('stays where another identity lets the account in, but for what hangs on this one', async () => {
    const { id, asks } = await holding()
    await site.api.db.insertInto('identity').values({ issuer: other, subject: 'ada', account_id: id }).execute()
    leaves()
    await recheck()
    expect(await asks()).toEqual({ browser: 401, token: 200, portal: 403 })
    await site.api.db.deleteFrom('identity').where('issuer', '=', other).execute()
    expect((await asks()).token).toBe(401)
  })

  test('waits while the word on the groups is old, and goes on with the next', async () => {
    const { asks } = await holding()
    await spoken(16)
    expect(await asks()).toEqual(nothing)
    await recheck()
    expect(await asks()).toEqual(all)
  })

  test('is asked for without a browser that is in use, as long as the issuer answers', async () => {
    const { asks } = await holding()
    await browsersUntil({ idle_until: new Date(0), expires_at: new Date(0) })
    await spoken(16)
    await recheck()
    expect(await asks()).toEqual({ ...all, browser: 401 })
    leaves()
    await recheck()
    expect(await asks()).toEqual(nothing)
  })

  test('holds as long as the site says, where that is longer', async () => {
    const { asks } = await holding()
    await spoken(59)
    const gate = { issuer: provider.issuer, holdsSeconds: 3_600 }
    await declareGates(site.api.db, [gate])
    expect(await asks()).toEqual(all)
    await declareGates(site.api.db, gatesOf(site.signIn))
    expect(await asks()).toEqual(nothing)
    // An issuer that is configured no more stands for nobody.
    await declareGates(site.api.db, [])
    expect(await asks()).toEqual(nothing)
    await declareGates(site.api.db, [{ ...gate, holdsSeconds: null }])
    expect(await asks()).toEqual(all)
    await declareGates(site.api.db, gatesOf(site.signIn))
  })
})

test('of Globus its own list of groups counts, and where that is not to be had, nobody is let in', async () => {
  const globus = await startSignInSite([gated({ groups: { globus: globusUrl() } })])
  try {
    accounts['ada'] = { name: 'Ada' }
    const browser = await signedIn(globus)
    await recheck(globus)
    expect((await whoIs(browser)).status).toBe(200)
    for (const [answer, outcome] of [
      [{ status: 200, body: [{ id: 'another' }] }, 'not_in_group'],
      [{ status: 200, body: { groups: ['beamline'] } }, 'provider_unavailable'],
      [{ status: 500, body: [] }, 'provider_unavailable'],
      [{ status: 403, body: [] }, 'provider_unavailable'],
    ] as const) {
      Object.assign(listed, answer)
      expect(toldBy(await signsIn(globus.browser(), 'claim')), JSON.stringify(answer)).toBe(outcome)
    }
    Object.assign(listed, { status: 200, body: [] })
    await recheck(globus)
    expect((await whoIs(browser)).status).toBe(401)
  } finally {
    await globus.close()
  }
})
