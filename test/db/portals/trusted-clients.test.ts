import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccountId } from '../../../domain/ids.ts'
import type { Answer, Person } from '../../setup/api.ts'
import { issuerOf, startSignInSite } from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'

const portalIssuer = 'https://portal.example.org'
const university = 'https://sso.example.org'
let site: SignInSite
let admin: Person
let portal: Person
let token: string
beforeAll(async () => {
  site = await startSignInSite([issuerOf('university', university)])
  admin = await site.api.person({ roles: ['admin'] })
  portal = await site.api.person({ scopes: ['read'] })
  token = await boundTo(portalIssuer)
})
afterAll(() => site.close())

const make = async (body: object, by: string = admin.token): Promise<Answer> =>
  await site.api.call('POST', '/v1/tokens', {
    token: by,
    body: { name: 'Portal', client: 'portal', accountId: portal.id, scopes: ['act-as', 'sessions'], ...body },
  })
const boundTo = async (issuer: string): Promise<string> => (await make({ issuer })).body.secret
const vouch = async (body: object, by: string = token): Promise<Answer> =>
  await site.api.call('POST', '/v1/vouched-accounts', { token: by, key: null, body: { displayName: 'Ada', ...body } })
const actingFor = async (id: string, by: string = token): Promise<Answer> =>
  await site.api.call('GET', '/v1/whoami', { token: by, headers: { 'carrel-on-behalf-of': id } })
const identity = async (issuer: string, subject: string, account_id: AccountId) =>
  await site.api.db.insertInto('identity').values({ issuer, subject, account_id }).execute()
const identityOf = async (subject: string) =>
  await site.api.db.selectFrom('identity').selectAll().where('subject', '=', subject).executeTakeFirstOrThrow()

describe('a token that is bound to an issuer', () => {
  test('is given by an admin alone, acts for others, and says so', async () => {
    const made = await make({ issuer: portalIssuer })
    expect([made.status, made.body['issuer']]).toEqual([201, portalIssuer])
    expect((await make({ issuer: portalIssuer, scopes: ['read'] })).status).toBe(422)
    expect((await make({ issuer: 'portal' })).status).toBe(422)
    const member = await site.api.person()
    expect((await make({ issuer: portalIssuer, accountId: member.id }, member.token)).status).toBe(403)
  })

  test('acts for accounts of that issuer, as long as they are, and for no other', async () => {
    const [known, stranger] = [await site.api.person(), await site.api.person()]
    await identity(portalIssuer, 'known', known.id)
    await identity(university, 'stranger', stranger.id)
    expect((await actingFor(known.id)).status).toBe(200)
    for (const id of [stranger.id, admin.id, portal.id]) expect((await actingFor(id)).status).toBe(403)
    await site.api.db.deleteFrom('identity').where('subject', '=', 'known').execute()
    expect((await actingFor(known.id)).status).toBe(403)
  })

  test('one that an admin binds to none acts for any, and vouches for nobody', async () => {
    const unbound = (await make({})).body.secret
    const stranger = await site.api.person()
    expect((await actingFor(stranger.id, unbound)).status).toBe(200)
    expect((await vouch({ subject: 'nobody' }, unbound)).status).toBe(403)
    expect((await vouch({ subject: 'nobody' }, admin.token)).status).toBe(403)
  })
})

describe('a vouched account', () => {
  test('is made once, however often and at once it is asked for, and acted for', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => vouch({ subject: 'ada' })))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(answers.filter(({ body }) => body['made'] === true)).toHaveLength(1)
    const [first] = answers
    const { id, personalProjectId } = (first as Answer).body
    const me = await actingFor(id)
    expect(me.body.account).toMatchObject({ id, displayName: 'Ada', personalProjectId })
    const audit = await site.api.db
      .selectFrom('audit_event')
      .select(['account_id', 'outcome'])
      .where('action', '=', 'vouchForAccount')
      .where('subject_id', '=', id)
      .execute()
    expect(audit).toEqual([{ account_id: portal.id, outcome: 'accepted' }])
  })

  test('is of the issuer of the client, whatever it is asked to be', async () => {
    expect((await vouch({ subject: 'x', issuer: university })).status).toBe(422)
    for (const more of [{ roles: ['admin'] }, { posix: null }, { groups: ['g'] }])
      expect((await vouch({ subject: 'x', ...more })).status).toBe(422)
    await vouch({ subject: 'under' })
    expect((await identityOf('under')).issuer).toBe(portalIssuer)
    const other = await boundTo('https://another.example.org')
    const same = await vouch({ subject: 'ada' }, other)
    expect(same.body['made']).toBe(true)
    expect((await actingFor(same.body.id)).status).toBe(403)
  })

  test('has the address that its client has proven, and no other counts', async () => {
    await vouch({ subject: 'mail', email: 'mail@example.org' })
    expect(await identityOf('mail')).toMatchObject({ email: 'mail@example.org', email_verified: false })
    await vouch({ subject: 'mail', email: 'new@example.org', emailVerified: true, displayName: 'New name' })
    expect(await identityOf('mail')).toMatchObject({
      email: 'new@example.org',
      email_verified: true,
      display_name: 'New name',
    })
    expect((await vouch({ subject: 'mail', emailVerified: true })).status).toBe(422)
  })

  test('what an issuer says itself, a client that speaks for it does not change', async () => {
    const person = await site.api.person()
    await identity(university, 'bob', person.id)
    const bound = await boundTo(university)
    const answer = await vouch({ subject: 'bob', email: 'forged@example.org', emailVerified: true }, bound)
    expect(answer.body).toMatchObject({ id: person.id, made: false })
    expect(await identityOf('bob')).toMatchObject({ email: null, email_verified: false })
    await vouch({ subject: 'carol', email: 'carol@example.org', emailVerified: true }, bound)
    expect(await identityOf('carol')).toMatchObject({ email: 'carol@example.org', email_verified: false })
  })

  test('is not opened again where an admin has disabled it', async () => {
    const { id } = (await vouch({ subject: 'gone' })).body
    await site.api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', id).execute()
    expect((await vouch({ subject: 'gone' })).status).toBe(403)
    expect((await actingFor(id)).status).toBe(403)
  })
})
