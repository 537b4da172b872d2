import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectTermsAccepted } from '../../api/terms/expected.ts'
import { startApi } from '../setup/api.ts'
import type { Ask, Person, TestApi } from '../setup/api.ts'
import { allPausable } from '../setup/pausable.ts'

let api: TestApi
let admin: Person
let person: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
  person = await api.person()
  templateId = await api.template()
})
afterAll(() => api.close())

const put = (body: object, match = '*') =>
  api.call('PUT', '/v1/terms', { token: admin.token, body, headers: { 'if-match': match } })
const accept = (version: number, who: Person = person, ask: Ask = {}) =>
  api.call('POST', '/v1/terms/acceptance', { token: who.token, key: null, body: { version }, ...ask })
const start = (who: Person = person, ask: Ask = {}) =>
  api.call('POST', '/v1/sessions', {
    token: who.token,
    body: { templateId },
    ...ask,
    headers: { prefer: 'respond-async', ...ask.headers },
  })

test('where there are no terms nothing is asked of anybody', async () => {
  const none = await api.call('GET', '/v1/terms', { token: person.token })
  expect([none.status, none.headers.get('etag'), none.body]).toMatchObject([
    200,
    '"0"',
    { version: 0, required: false, text: null, acceptedAt: null },
  ])
  expect((await start()).status).toBe(202)
  expect((await accept(1)).status).toBe(409)
})

describe('terms', () => {
  test('are asked for from the moment they hold, and what was asked before goes on', async () => {
    const key = 'asked-before-the-terms'
    const before = await start(person, { key })
    const set = await put({ title: 'Terms of use', text: 'Be kind.' }, '"0"')
    expect([set.status, set.headers.get('etag'), set.body.version]).toEqual([200, '"1"', 1])
    const refused = await start()
    expect([refused.status, refused.body.code]).toEqual([403, 'terms_not_accepted'])
    const preview = () =>
      api.call('POST', '/v1/session-previews', { token: person.token, key: null, body: { templateId } })
    expect((await preview()).body).toMatchObject({ admitted: false, code: 'terms_not_accepted' })
    const same = await start(person, { key })
    expect([same.status, same.body.id]).toEqual([202, before.body.id])
    expect((await accept(1)).body['acceptedAt']).not.toBeNull()
    expect((await accept(1)).status).toBe(200)
    expect((await start()).status).toBe(202)
    expect((await preview()).body).toMatchObject({ admitted: true, code: null })
    await expect(expectTermsAccepted(api.db, person.id)).resolves.toBeUndefined()
  })

  test('of a new version are accepted anew, and the old one is none any more', async () => {
    expect((await put({ title: 'Stale' }, '"0"')).status).toBe(412)
    expect((await put({ title: 'Terms of use', url: 'https://example.org/terms' }, '"1"')).body.version).toBe(2)
    expect((await start()).body.code).toBe('terms_not_accepted')
    const old = await accept(1)
    expect([old.status, old.body.code]).toEqual([409, 'conflict'])
    await expect(expectTermsAccepted(api.db, person.id)).rejects.toMatchObject({ code: 'terms_not_accepted' })
    expect((await accept(2)).status).toBe(200)
    expect((await start()).status).toBe(202)
  })

  test('are accepted by oneself alone: whoever acts for somebody starts nothing before, and accepts nothing', async () => {
    const [portal, someone] = [await api.person(), await api.person()]
    const acting = { headers: { 'carrel-on-behalf-of': someone.id } }
    expect((await start(portal, acting)).body.code).toBe('terms_not_accepted')
    const refused = await accept(2, portal, acting)
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
    expect((await accept(2, someone)).status).toBe(200)
    expect((await start(portal, acting)).status).toBe(202)
    const reader = { ...someone, token: await api.token(someone.id, ['read']) }
    expect((await accept(2, reader)).status).toBe(403)
  })

  test('are asked of whoever goes on, and of whoever is given something', async () => {
    const [owner, heir] = [await api.person(), await api.person()]
    expect((await accept(2, owner)).status).toBe(200)
    const project = await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'Shared' } })
    const member = { project_id: project.body.id, account_id: heir.id, role: 'editor' as const }
    await api.db.insertInto('project_member').values(member).execute()
    const session = await start(owner, { body: { templateId, projectId: project.body.id } })
    await api.decide(session.body.id)
    await api.db.updateTable('session').set({ state: 'paused' }).where('id', '=', session.body.id).execute()
    await allPausable(api.db)
    const give = () =>
      api.call('POST', `/v1/sessions/${session.body.id}/transfer`, {
        token: owner.token,
        key: null,
        body: { accountId: heir.id },
      })
    expect((await give()).body.code).toBe('terms_not_accepted')
    await accept(2, heir)
    await put({ title: 'Terms of use', text: 'Be kinder.' })
    const resume = () =>
      api.call('POST', `/v1/sessions/${session.body.id}/resume`, {
        token: owner.token,
        key: null,
        headers: { prefer: 'respond-async' },
      })
    expect((await resume()).body.code).toBe('terms_not_accepted')
    await Promise.all([accept(3, owner), accept(3, heir)])
    expect((await give()).status).toBe(200)
  })

  test('that two admins set at once are two versions where neither asked for the last, and one where both did', async () => {
    const blind = await Promise.all([put({ title: 'A', text: 'a' }), put({ title: 'B', text: 'b' })])
    expect(blind.map((answer) => answer.status)).toEqual([200, 200])
    const tag = (await api.call('GET', '/v1/terms', { token: admin.token })).headers.get('etag') ?? ''
    const seeing = await Promise.all([put({ title: 'C', text: 'c' }, tag), put({ title: 'D', text: 'd' }, tag)])
    expect(seeing.map((answer) => answer.status).sort()).toEqual([200, 412])
  })

  test('that ask nothing are asked of nobody', async () => {
    expect((await put({ title: 'None' })).body).toMatchObject({ required: false })
    const fresh = await api.person()
    expect((await start(fresh)).status).toBe(202)
  })

  test.each([
    [{}, '/title'],
    [{ title: 'x', url: 'javascript:alert(1)' }, '/url'],
    [{ title: 'x', text: ' ' }, '/text'],
    [{ title: 'x', version: 7 }, '/version'],
  ])('%j are none', async (body, pointer) => {
    const refused = await put(body)
    expect([refused.status, refused.body.errors[0]?.pointer]).toEqual([422, pointer])
  })
})
