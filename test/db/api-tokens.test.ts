import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let admin: Person
let me: Person

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
  me = await api.person({ scopes: ['sessions', 'tokens'] })
})
afterAll(() => api.close())

const day = 24 * 3_600_000
const issue = (body: object, token = me.token, key?: string) =>
  api.call('POST', '/v1/tokens', {
    token,
    body: { name: 'ci', scopes: ['read'], ...body },
    ...(key === undefined ? {} : { key }),
  })

test('a secret is shown once, works, and is nowhere kept', async () => {
  const key = randomUUID()
  await api.db
    .updateTable('token')
    .set({ scopes: ['read', 'sessions', 'tokens'] })
    .where('account_id', '=', me.id)
    .execute()
  const made = await issue({ client: 'portal' }, me.token, key)
  expect(made.status).toBe(201)
  expect(made.body.secret).toMatch(/^carrel_[A-Za-z0-9_-]{43}$/)
  expect(made.body).toMatchObject({ accountId: me.id, client: 'portal', scopes: ['read'], revokedAt: null })

  const again = await issue({ client: 'portal' }, me.token, key)
  expect(again.status).toBe(200)
  expect(again.body).toMatchObject({ id: made.body.id, secretShown: true })
  expect(again.body).not.toHaveProperty('secret')

  const who = await api.call('GET', '/v1/whoami', { token: made.body.secret })
  expect(who.body).toMatchObject({ account: { id: me.id }, client: 'portal', scopes: ['read'], tokenId: made.body.id })
  const listed = await api.call('GET', '/v1/tokens', { token: me.token })
  expect(JSON.stringify(listed.body)).not.toContain('carrel_')
  const kept = await api.db.selectFrom('idempotency_key').selectAll().execute()
  const audit = await api.db.selectFrom('audit_event').selectAll().execute()
  expect(JSON.stringify([kept, audit, api.logged])).not.toContain(made.body.secret)
})

test('a token lives a year at most, 30 days when nothing is said', async () => {
  const usual = await issue({})
  const lives = Date.parse(usual.body.expiresAt) - Date.now()
  expect(Math.round(lives / day)).toBe(30)
  const long = await issue({ expiresAt: new Date(Date.now() + 366 * day).toISOString() })
  const past = await issue({ expiresAt: new Date(Date.now() - 1_000).toISOString() })
  for (const refused of [long, past])
    expect(refused.body).toMatchObject({ status: 422, errors: [{ in: 'body', pointer: '/expiresAt' }] })
})

test('nobody gives what they do not have; reaching beyond oneself is for admins to give', async () => {
  const weak = await api.token(me.id, ['tokens'])
  expect((await issue({ scopes: ['sessions'] }, weak)).status).toBe(403)
  const strong = await api.token(me.id, ['tokens', 'read', 'act-as', 'admin'])
  expect((await issue({ scopes: ['act-as'] }, strong)).body).toMatchObject({
    status: 403,
    errors: [{ pointer: '/scopes' }],
  })
  expect((await issue({ scopes: ['admin'] }, strong)).status).toBe(403)
  expect((await issue({ scopes: ['act-as'] }, admin.token)).status).toBe(201)
})

test('an admin gives what is for machines without having it, by what administers', async () => {
  const inBrowser = await api.token(admin.id, ['read', 'sessions', 'projects', 'tokens', 'admin'])
  const withoutAdmin = await api.token(admin.id, ['read', 'tokens'])
  for (const scope of ['act-as', 'provision']) {
    expect((await issue({ scopes: [scope], accountId: me.id }, inBrowser)).status).toBe(201)
    expect((await issue({ scopes: [scope] }, withoutAdmin)).status).toBe(403)
  }
})

test('an admin makes tokens for others; others do not', async () => {
  const made = await issue({ accountId: me.id }, admin.token)
  expect(made.status).toBe(201)
  expect((await api.call('GET', '/v1/whoami', { token: made.body.secret })).body.account.id).toBe(me.id)
  expect((await issue({ accountId: admin.id })).status).toBe(403)
  expect((await issue({ accountId: 'a00000000000' }, admin.token)).status).toBe(422)
})

test('a revoked or expired token ends at once', async () => {
  const made = await issue({})
  const revoked = await api.call('DELETE', `/v1/tokens/${made.body.id}`, { token: me.token })
  expect(revoked.status).toBe(204)
  const refused = await api.call('GET', '/v1/whoami', { token: made.body.secret })
  expect(refused.status).toBe(401)
  expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="carrel", error="invalid_token"')
  const late = await issue({})
  await api.db
    .updateTable('token')
    .set({ expires_at: new Date(0) })
    .where('id', '=', late.body.id)
    .execute()
  expect((await api.call('GET', '/v1/whoami', { token: late.body.secret })).status).toBe(401)
})

test("another's token is not there; an admin may end it", async () => {
  const made = await issue({})
  const other = await api.person()
  expect((await api.call('DELETE', `/v1/tokens/${made.body.id}`, { token: other.token })).status).toBe(404)
  expect((await api.call('DELETE', `/v1/tokens/${made.body.id}`, { token: admin.token })).status).toBe(204)
})

test('its use is noted, at most once a minute', async () => {
  const token = await api.token(me.id)
  await api.call('GET', '/v1/whoami', { token })
  const used = () =>
    api.db.selectFrom('token').select('last_used_at').orderBy('id', 'desc').where('account_id', '=', me.id).execute()
  const [first] = await used()
  expect(first?.last_used_at).not.toBeNull()
  await api.call('GET', '/v1/whoami', { token })
  expect((await used())[0]).toEqual(first)
})

test('acting for somebody gives their rights as a member, within the scopes of the token', async () => {
  const portal = await api.person({ roles: ['admin'], scopes: ['act-as', 'read', 'sessions', 'tokens', 'admin'] })
  const target = await api.person({ roles: ['admin'] })
  const as = (id: string, token = portal.token) => ({ token, headers: { 'carrel-on-behalf-of': id } })
  const who = await api.call('GET', '/v1/whoami', as(target.id))
  expect(who.body).toMatchObject({
    account: { id: target.id, roles: ['member'] },
    actedBy: portal.id,
    client: `test@${portal.id}`,
    scopes: ['read', 'sessions', 'tokens'],
  })
  expect((await api.call('GET', '/v1/accounts?role=admin', as(target.id))).status).toBe(403)
  expect((await api.call('GET', '/v1/sessions?all=true', as(target.id))).status).toBe(403)
  // A token made for them would outlive the portal's own right.
  expect(
    (await api.call('POST', '/v1/tokens', { ...as(target.id), body: { name: 'x', scopes: ['read'] } })).status,
  ).toBe(403)
  expect((await api.call('GET', '/v1/whoami', as(target.id, me.token))).status).toBe(403)
  expect((await api.call('GET', '/v1/whoami', as('a00000000000'))).status).toBe(403)
  await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', target.id).execute()
  expect((await api.call('GET', '/v1/whoami', as(target.id))).status).toBe(403)
})

test('what is done for somebody is theirs, and the audit names both', async () => {
  const portal = await api.person({ scopes: ['act-as', 'sessions'] })
  const templateId = await api.template()
  const made = await api.call('POST', '/v1/sessions', {
    token: portal.token,
    body: { templateId },
    headers: { 'carrel-on-behalf-of': me.id, prefer: 'respond-async' },
  })
  expect(made.body).toMatchObject({ owner: me.id, startedBy: me.id, projectId: me.projectId })
  const audit = await api.db.selectFrom('audit_event').selectAll().where('subject_id', '=', made.body.id).execute()
  expect(audit).toMatchObject([
    {
      account_id: portal.id,
      on_behalf_of: me.id,
      client: `test@${portal.id}`,
      action: 'createSession',
      outcome: 'accepted',
    },
  ])
})

test('a change for whom a token may not act for is refused, counted and audited', async () => {
  const [stranger, target] = [await api.person({ scopes: ['projects'] }), await api.person()]
  const refused = await api.call('POST', '/v1/projects', {
    token: stranger.token,
    body: { name: 'Theirs' },
    headers: { 'carrel-on-behalf-of': target.id },
  })
  expect(refused.body).toMatchObject({ status: 403, code: 'forbidden' })
  expect(refused.headers.get('ratelimit')).not.toBeNull()
  const audit = await api.db.selectFrom('audit_event').selectAll().where('account_id', '=', stranger.id).execute()
  expect(audit).toMatchObject([{ action: 'createProject', outcome: 'refused', code: 'forbidden', on_behalf_of: null }])
})
