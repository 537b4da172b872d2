import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowserSession } from '../../db/browser-sessions.ts'
import { eraseNext } from '../../db/erasure.ts'
import type { Scope } from '../../domain/authorization.ts'
import { usualSessionLimits } from '../../domain/sign-in.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let admin: Person

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
})
afterAll(() => api.close())

const whatever = { headers: { 'if-match': '*' } }
const asAdmin = (method: string, path: string, body?: object, headers: Record<string, string> = whatever.headers) =>
  api.call(method, path, { token: admin.token, key: null, headers, ...(body === undefined ? {} : { body }) })

describe('roles', () => {
  test('count from the next request on, and an old version is refused', async () => {
    const person = await api.person()
    const path = `/v1/accounts/${person.id}`
    const tag = (await asAdmin('GET', path)).headers.get('etag') ?? ''
    const raised = await asAdmin('PUT', `${path}/roles`, { roles: ['operator', 'operator'] }, { 'if-match': tag })
    expect([raised.status, raised.body['roles']]).toEqual([200, ['operator']])
    expect((await api.call('GET', '/v1/providers', { token: person.token })).status).toBe(200)
    const stale = await asAdmin('PUT', `${path}/roles`, { roles: ['member'] }, { 'if-match': tag })
    expect([stale.status, stale.body.code]).toEqual([412, 'precondition_failed'])
    expect((await asAdmin('PUT', `${path}/roles`, { roles: ['member'] }, {})).status).toBe(428)
    expect((await asAdmin('PUT', `${path}/roles`, { roles: [] })).status).toBe(422)
    expect((await asAdmin('PUT', `${path}/roles`, { roles: ['member'], email: 'x@example.org' })).status).toBe(422)
  })

  test('of two admins who take the other in and out, in every order, one admin always stays', async () => {
    // A: lock admins ── demote B ── commit
    // B:   lock admins (waits) ············ one admin left: disabling, demoting or erasing A is refused
    const other = await startApi()
    try {
      const [a, b] = [await other.person({ roles: ['admin'] }), await other.person({ roles: ['admin'] })]
      const demote = (by: Person, of: Person) =>
        other.call('PUT', `/v1/accounts/${of.id}/roles`, { token: by.token, body: { roles: ['member'] }, ...whatever })
      const outs: ((by: Person, of: Person) => Promise<{ status: number }>)[] = [
        demote,
        (by, of) => other.call('POST', `/v1/accounts/${of.id}/disable`, { token: by.token, key: null }),
        (by, of) =>
          other.call('POST', `/v1/accounts/${of.id}/erase`, {
            token: by.token,
            key: null,
            body: { reason: 'A test.' },
          }),
        demote,
      ]
      const standing = () =>
        other.db
          .selectFrom('account')
          .select(['id', 'roles', 'disabled_at'])
          .execute()
          .then((rows) => rows.filter((row) => row.roles.includes('admin') && row.disabled_at === null))
      for (const [turn, out] of outs.entries()) {
        await Promise.all([out(a, b), (outs[(turn + 1) % outs.length] ?? out)(b, a), demote(a, a), demote(b, b)])
        expect(await standing()).toHaveLength(1)
        // As it was: both may do everything.
        await other.db
          .updateTable('account')
          .set({ roles: ['admin'], disabled_at: null, erase_requested_at: null })
          .where('id', 'in', [a.id, b.id])
          .execute()
        await other.db.updateTable('token').set({ revoked_at: null }).execute()
      }
    } finally {
      await other.close()
    }
  })

  test('who is an admin no more acts for nobody, and does the rest of what they may', async () => {
    const [person, portal, someone] = [await api.person({ roles: ['admin'] }), await api.person(), await api.person()]
    const [acting, plain] = [await api.token(person.id, ['read', 'act-as']), await api.token(person.id, ['read'])]
    const of = async (token: string, headers = { 'carrel-on-behalf-of': someone.id }) =>
      (await api.call('GET', '/v1/whoami', { token, headers })).status
    const put = async (roles: readonly string[]) =>
      (await asAdmin('PUT', `/v1/accounts/${person.id}/roles`, { roles })).status
    expect([await put(['member', 'admin']), await of(acting)]).toEqual([200, 200])
    expect([await put(['member', 'operator']), await of(acting)]).toEqual([200, 401])
    expect((await api.call('GET', '/v1/whoami', { token: plain })).status).toBe(200)
    expect([await put(['admin']), await of(acting)]).toEqual([200, 401])
    expect(await put(['member'])).toBe(200)
    // Of an account that never was an admin, they are what an admin made them for.
    expect((await asAdmin('PUT', `/v1/accounts/${portal.id}/roles`, { roles: ['member'] })).status).toBe(200)
    expect(await of(portal.token)).toBe(200)
  })

  test('the last admin is told so', async () => {
    const refused = await asAdmin('PUT', `/v1/accounts/${admin.id}/roles`, { roles: ['member', 'operator'] })
    expect([refused.status, refused.body.code]).toEqual([409, 'conflict'])
    expect((await asAdmin('PUT', `/v1/accounts/${admin.id}/roles`, { roles: ['admin', 'member'] })).status).toBe(200)
  })

  test('an admin whom nobody can be does not count as another one', async () => {
    const own = await startApi()
    try {
      const [one, other] = [await own.person({ roles: ['admin'] }), await own.person({ roles: ['admin'] })]
      const leaves = async () => {
        const body = { roles: ['member'] }
        const answer = await own.call('PUT', `/v1/accounts/${one.id}/roles`, { token: one.token, body, ...whatever })
        return answer.body.code ?? 'left'
      }
      const token = own.db.updateTable('token').where('account_id', '=', other.id)
      const scopes: Scope[] = ['read', 'act-as']
      for (const lost of [{ revoked_at: new Date() }, { expires_at: new Date(0) }, { scopes }]) {
        const held = { revoked_at: null, expires_at: new Date(Date.now() + 600_000) }
        await token.set({ ...held, ...lost }).execute()
        expect(await leaves(), JSON.stringify(lost)).toBe('conflict')
      }
      // Who can sign in needs no token.
      const identity = { issuer: 'https://login.example.org', subject: 'other-admin', account_id: other.id }
      await own.db.insertInto('identity').values(identity).execute()
      expect(await leaves()).toBe('left')
    } finally {
      await own.close()
    }
  })
})

describe('disabling', () => {
  test('ends tokens and browsers for good: enabling brings back the account, and no way in', async () => {
    const person = await api.person()
    const browser = await api.db.transaction().execute((trx) =>
      openBrowserSession(trx, {
        accountId: person.id,
        issuer: 'https://login.example.org',
        subject: 'ada',
        limits: usualSessionLimits,
      }),
    )
    const path = `/v1/accounts/${person.id}`
    expect((await asAdmin('POST', `${path}/disable`)).body['disabledAt']).not.toBeNull()
    const enabled = await asAdmin('POST', `${path}/enable`)
    expect([enabled.status, enabled.body['disabledAt']]).toEqual([200, null])
    expect((await api.call('GET', '/v1/whoami', { token: person.token })).status).toBe(401)
    const left = await api.db
      .selectFrom('token')
      .select('id')
      .where('account_id', '=', person.id)
      .where('revoked_at', 'is', null)
      .execute()
    expect(left).toEqual([])
    expect(browser.secret).not.toBe('')
    const again = await api.token(person.id)
    expect((await api.call('GET', '/v1/whoami', { token: again })).status).toBe(200)
    expect((await asAdmin('POST', `${path}/enable`)).body['disabledAt']).toBeNull()
  })

  test('who is being erased is not enabled again', async () => {
    const { id } = await api.person()
    expect((await asAdmin('POST', `/v1/accounts/${id}/erase`, { reason: 'A test.' })).status).toBe(202)
    const refused = await asAdmin('POST', `/v1/accounts/${id}/enable`)
    expect([refused.status, refused.body.code]).toEqual([409, 'conflict'])
  })
})

describe('names', () => {
  test('what is named changes, what is left out stays, and nothing else can be named', async () => {
    const { id } = await api.person({ organisation: 'ESS' })
    const path = `/v1/accounts/${id}`
    const changed = await asAdmin('PATCH', path, { displayName: 'Ada', groups: ['a', 'a'] })
    expect(changed.body).toMatchObject({ displayName: 'Ada', groups: ['a'], organisation: 'ESS', email: null })
    expect((await asAdmin('PATCH', path, { organisation: null })).body['organisation']).toBeNull()
    for (const body of [{ roles: ['admin'] }, { posix: null }, { id: 'a1' }, { disabledAt: null }, { email: 'no' }])
      expect((await asAdmin('PATCH', path, body)).status).toBe(422)
  })
})

describe('identities', () => {
  const key = { issuer: 'https://login.example.org', subject: 'sub-1' }

  test('no line of the audit keeps a login: nothing of whoever is erased is left there', async () => {
    const { id } = await api.person()
    const path = `/v1/accounts/${id}`
    const [login, who] = [
      'office-login-of-ada',
      { issuer: 'https://login.example.org', subject: 'office-login-of-ada' },
    ]
    const posix = { user: 'posix-user-of-ada', uid: 4242, gid: 4242, gids: [] }
    expect((await asAdmin('POST', `${path}/identities/link`, who)).status).toBe(200)
    expect((await asAdmin('PUT', `${path}/posix`, { posix })).status).toBe(200)
    expect((await asAdmin('POST', `${path}/identities/unlink`, who)).status).toBe(200)
    expect((await asAdmin('POST', `${path}/erase`, { reason: 'A test.' })).status).toBe(202)
    await expect.poll(async () => (await eraseNext(api.db)).more, { timeout: 50_000 }).toBe(false)
    const lines = await api.db.selectFrom('audit_event').selectAll().where('subject_id', '=', id).execute()
    expect(lines.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['linkIdentity', 'unlinkIdentity', 'putAccountPosix', 'eraseAccount']),
    )
    for (const text of [login, posix.user]) expect(JSON.stringify(lines)).not.toContain(text)
  })

  test('an admin links and unlinks; one identity is one account; its owner reads it and nobody else', async () => {
    const [one, two] = [await api.person(), await api.person()]
    const link = (id: string) => asAdmin('POST', `/v1/accounts/${id}/identities/link`, key)
    const linked = await link(one.id)
    expect([linked.status, linked.body.items]).toMatchObject([200, [key]])
    expect((await link(one.id)).body.items).toHaveLength(1)
    const taken = await link(two.id)
    expect([taken.status, taken.body.code]).toEqual([409, 'conflict'])
    const own = await api.call('GET', `/v1/accounts/${one.id}/identities`, { token: one.token })
    expect(own.body.items).toMatchObject([{ ...key, emailVerified: false }])
    expect((await api.call('GET', `/v1/accounts/${one.id}/identities`, { token: two.token })).status).toBe(404)
    expect((await asAdmin('POST', `/v1/accounts/${two.id}/identities/unlink`, key)).status).toBe(422)
    expect((await asAdmin('POST', `/v1/accounts/${one.id}/identities/unlink`, key)).body.items).toEqual([])
    expect((await link(two.id)).status).toBe(200)
  })

  test('one identity that two accounts are given at once is one account', async () => {
    const people = [await api.person(), await api.person(), await api.person()]
    const raced = { ...key, subject: 'raced' }
    const answers = await Promise.all(
      people.map(({ id }) => asAdmin('POST', `/v1/accounts/${id}/identities/link`, raced)),
    )
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409])
  })
})
