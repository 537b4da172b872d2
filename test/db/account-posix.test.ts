import { afterAll, beforeAll, expect, test } from 'vitest'
import { posixSourceOf, setPosix } from '../../db/posix.ts'
import type { AccountId } from '../../domain/ids.ts'
import type { Posix, PosixSource } from '../../domain/posix.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let admin: Person
let next = 5_000
const rule = { minimumUid: 5_000, minimumGid: 100 }

beforeAll(async () => {
  api = await startApi({ posix: rule })
  admin = await api.person({ roles: ['admin'] })
})
afterAll(() => api.close())

const someone = (over: Partial<Posix> = {}): Posix => {
  next += 1
  return { user: `user${next}`, uid: next, gid: next, gids: [100], ...over }
}
const put = (id: string, posix: object | null, more: object = {}, match = '*') =>
  api.call('PUT', `/v1/accounts/${id}/posix`, {
    token: admin.token,
    body: { posix, ...more },
    headers: { 'if-match': match },
  })
const say = (id: AccountId, posix: Posix | null, source: PosixSource) =>
  api.db.transaction().execute((trx) => setPosix(trx, id, posix, source, { rule }))
const standing = (id: AccountId) => posixSourceOf(api.db, id)

test('an admin says it, to the letter of the site, and of the version that was read', async () => {
  const { id } = await api.person()
  const posix = someone()
  const set = await put(id, posix)
  expect([set.status, set.body]).toMatchObject([200, { posix, posixSource: 'admin', posixShared: false }])
  expect((await put(id, someone(), {}, '"1"')).status).toBe(412)
  for (const [change, pointer] of [
    [{ uid: 4_999 }, '/posix/uid'],
    [{ uid: 0 }, '/posix/uid'],
    [{ gid: 99 }, '/posix/gid'],
    [{ gids: [100, 99] }, '/posix/gids/1'],
    [{ gids: [0] }, '/posix/gids/0'],
    [{ uid: 3_000_000_000 }, '/posix/uid'],
    [{ user: 'root' }, '/posix/user'],
  ] as const) {
    const refused = await put(id, someone(change))
    expect([refused.status, refused.body.errors[0]?.pointer], pointer).toEqual([422, pointer])
  }
  const made = await api.call('POST', '/v1/accounts', {
    token: admin.token,
    body: { displayName: 'Low', posix: someone({ uid: 1_000 }) },
  })
  expect([made.status, made.body.errors[0]?.pointer]).toEqual([422, '/posix/uid'])
  expect((await api.call('GET', `/v1/accounts/${id}`, { token: admin.token })).body['posix']).toEqual(posix)
})

test('nobody says it of themselves, by whatever request', async () => {
  const me = await api.person()
  const posix = someone()
  for (const [method, path, body] of [
    ['PUT', `/v1/accounts/${me.id}/posix`, { posix }],
    ['PATCH', `/v1/accounts/${me.id}`, { posix }],
    ['POST', '/v1/accounts', { displayName: 'Me', posix }],
  ] as const) {
    const refused = await api.call(method, path, { token: me.token, body, headers: { 'if-match': '*' } })
    expect(refused.status).toBe(403)
  }
  const session = { templateId: await api.template(), posix }
  expect((await api.call('POST', '/v1/sessions', { token: me.token, body: session })).status).toBe(422)
  expect(await standing(me.id)).toBeNull()
})

test('a stronger source goes before a weaker one, which says it again when the stronger has nothing to say', async () => {
  const { id } = await api.person()
  const [fromCsv, fromLdap, fromClaim] = [someone(), someone(), someone()]
  expect(await say(id, fromCsv, 'csv')).toEqual({ kind: 'set' })
  expect(await say(id, fromCsv, 'csv')).toEqual({ kind: 'same' })
  expect(await say(id, fromLdap, 'ldap')).toEqual({ kind: 'set' })
  expect(await say(id, fromCsv, 'csv')).toEqual({ kind: 'kept' })
  expect(await say(id, null, 'csv')).toEqual({ kind: 'kept' })
  expect(await say(id, null, 'claim')).toEqual({ kind: 'kept' })
  expect(await say(id, fromClaim, 'claim')).toEqual({ kind: 'set' })
  expect(await say(id, null, 'claim')).toEqual({ kind: 'set' })
  expect(await standing(id)).toBeNull()
  expect(await say(id, fromCsv, 'csv')).toEqual({ kind: 'set' })
  expect((await put(id, someone())).status).toBe(200)
  for (const source of ['claim', 'ldap', 'csv'] as const)
    expect(await say(id, fromLdap, source)).toEqual({ kind: 'kept' })
  expect((await put(id, null)).body).toMatchObject({ posix: null, posixSource: null })
  expect(await say(id, fromCsv, 'csv')).toEqual({ kind: 'set' })
  expect(await say('a00000000000' as AccountId, fromCsv, 'csv')).toEqual({ kind: 'absent' })
})

test('what the site does not allow changes nothing of what stands', async () => {
  const { id } = await api.person()
  const posix = someone()
  await say(id, posix, 'ldap')
  expect(await say(id, { ...posix, uid: 0 }, 'ldap')).toMatchObject({ kind: 'refused', faults: [{ field: 'uid' }] })
  const row = await api.db.selectFrom('account').select('posix').where('id', '=', id).executeTakeFirstOrThrow()
  expect(row.posix).toEqual(posix)
})

test('one user is one account, unless an admin says of both that they share it', async () => {
  const [one, two, three] = [await api.person(), await api.person(), await api.person()]
  const posix = someone()
  expect((await put(one.id, posix)).status).toBe(200)
  const sameUid = await put(two.id, { ...posix, user: 'other' })
  expect([sameUid.status, sameUid.body.code, sameUid.body.errors[0]?.pointer]).toEqual([
    409,
    'posix_taken',
    '/posix/uid',
  ])
  const sameName = await put(two.id, { ...someone(), user: posix.user })
  expect([sameName.body.code, sameName.body.errors[0]?.pointer]).toEqual(['posix_taken', '/posix/user'])
  expect(await say(two.id, posix, 'claim')).toEqual({ kind: 'taken', field: 'uid' })
  const made = { displayName: 'Same', posix }
  expect((await api.call('POST', '/v1/accounts', { token: admin.token, body: made })).body.code).toBe('posix_taken')
  // Of one alone it means nothing.
  expect((await put(two.id, posix, { shared: true })).body.code).toBe('posix_taken')
  expect((await put(one.id, posix, { shared: true })).status).toBe(200)
  expect((await put(two.id, posix, { shared: true })).body).toMatchObject({ posixShared: true })
  expect((await put(three.id, posix)).body.code).toBe('posix_taken')
})

test('of many accounts that one user is given to at once, it is one’s', async () => {
  const people = await Promise.all(Array.from({ length: 6 }, () => api.person()))
  const posix = someone()
  const answers = await Promise.all(people.map(({ id }) => put(id, posix)))
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409, 409, 409, 409])
})
