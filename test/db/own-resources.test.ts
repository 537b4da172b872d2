import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createOwnResources } from '../../api/user-office/own-resources.ts'
import type { OwnResources } from '../../ports/identity/user-office.ts'
import { toPaused, toPausing } from '../../db/pauses.ts'
import type { SessionId } from '../../domain/ids.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { makeReady } from '../setup/ready-session.ts'
import { allPausable } from '../setup/pausable.ts'
import { issuer, userOfficeOf } from '../setup/user-office.ts'
import { startUserOffice } from '../support/user-office/user-office.ts'
import type { TestUserOffice } from '../support/user-office/user-office.ts'

let office: TestUserOffice
let api: TestApi

beforeAll(async () => {
  office = await startUserOffice()
  api = await startApi({}, { userOffice: userOfficeOf(office) })
})
afterAll(async () => {
  await api.close()
  await office.close()
})
afterEach(() => {
  office.instead = null
})

const withLogin = async (login: string) => {
  const person = await api.person()
  const identity = { issuer, subject: login, account_id: person.id, claims: JSON.stringify({ login }) }
  await api.db.insertInto('identity').values(identity).execute()
  return person
}

describe('a session outside an experiment', () => {
  const start = async (token: string, templateId: string, app = api.app) => {
    const answer = await app.app.request('/v1/sessions', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        prefer: 'respond-async',
      },
      body: JSON.stringify({ templateId }),
    })
    return { status: answer.status, ...((await answer.json()) as { code?: string; detail?: string }) }
  }
  const wants = async (token: string) =>
    (await api.call('GET', '/v1/whoami', { token })).body as unknown as {
      may: { startOutsideExperiments: { allowed: boolean; reasons: string[] } }
    }

  test('is for whom the user office authorizes, asked once in a while', async () => {
    const template = await api.template()
    office.authorized.add('mary')
    const mary = await withLogin('mary')
    expect((await start(mary.token, template)).status).toBe(202)
    expect((await start(mary.token, template)).status).toBe(202)
    expect((await wants(mary.token)).may.startOutsideExperiments).toEqual({ allowed: true, reasons: [] })
    expect(office.heard.filter(({ body }) => body['login'] === 'mary')).toHaveLength(1)
  })

  test.each([
    ['says no', null],
    ['says something else', { status: 200, text: '{"result": "true"}' }],
    ['does not know', { status: 404, text: '{}' }],
    ['does not know Carrel', { status: 403, text: '{}' }],
    ['cannot read', { status: 400, text: '{}' }],
  ])('is refused where the user office %s', async (how, instead) => {
    const template = await api.template()
    const person = await withLogin(`r${how.length}`)
    office.instead = instead
    const refused = await start(person.token, template)
    expect(refused).toMatchObject({ status: 403, code: 'not_authorized' })
    expect(refused.detail).toContain('user office')
    const { startOutsideExperiments } = (await wants(person.token)).may
    expect(startOutsideExperiments).toEqual({ allowed: false, reasons: ['not_authorized'] })
    expect(await api.db.selectFrom('session').select('id').where('owner_id', '=', person.id).execute()).toEqual([])
  })

  test('is refused to accounts without a login there', async () => {
    const template = await api.template()
    const person = await api.person()
    const refused = await start(person.token, template)
    expect(refused).toMatchObject({ status: 403, code: 'not_authorized' })
    expect(refused.detail).toContain('has none')
  })

  test('is refused where the login is that of an issuer that does not decide it, any more or ever', async () => {
    const template = await api.template()
    office.authorized.add('eve')
    const eve = await api.person()
    const identity = { subject: 'eve', account_id: eve.id, claims: JSON.stringify({ login: 'eve' }) }
    await api.db
      .insertInto('identity')
      .values({ ...identity, issuer: 'https://gone.example.org' })
      .execute()
    expect(await start(eve.token, template)).toMatchObject({ status: 403, code: 'not_authorized' })
    expect(office.heard.filter(({ body }) => body['login'] === 'eve')).toEqual([])
    const claims = { officeLogin: 'uid' }
    const deciding = userOfficeOf(office, {}, { issuers: [{ issuer: 'https://gone.example.org', claims }] })
    const app = api.another({}, api.db, { userOffice: deciding })
    expect((await start(eve.token, template, app)).status).toBe(202)
  })

  test('is refused, with another code, while nobody can say; and where nobody asks, it is not', async () => {
    const template = await api.template()
    office.authorized.add('late')
    const late = await withLogin('late')
    office.instead = { status: 502, text: '' }
    expect(await start(late.token, template)).toMatchObject({ status: 503, code: 'user_office_unavailable' })
    expect((await wants(late.token)).may.startOutsideExperiments.reasons).toEqual(['user_office_unavailable'])
    office.instead = null
    expect((await start(late.token, template)).status).toBe(202)
    const app = api.another({}, api.db, { userOffice: userOfficeOf(office, { isAuthorized: undefined }) })
    expect((await start((await api.person()).token, template, app)).status).toBe(202)
  })

  test('a yes holds for a minute and a no for seconds; what could not be said is asked again', async () => {
    const { id } = await withLogin('clock')
    let [now, says, asked] = [0, 'authorized' as OwnResources['kind'], 0]
    const own = createOwnResources(
      async () => {
        asked += 1
        return says === 'unavailable' ? { kind: says, detail: '' } : { kind: says }
      },
      [issuer],
      () => now,
    )
    const at = async (ms: number) => {
      now = ms
      return [await own.of(api.db, id), asked]
    }
    expect(await at(0)).toEqual(['authorized', 1])
    says = 'refused'
    expect(await at(59_999)).toEqual(['authorized', 1])
    expect(await at(60_000)).toEqual(['refused', 2])
    says = 'unavailable'
    expect(await at(64_999)).toEqual(['refused', 2])
    expect(await at(65_000)).toEqual(['unavailable', 3])
    says = 'authorized'
    expect(await at(65_001)).toEqual(['authorized', 4])
  })
})

test('a preview says of a session what starting it would, before what its quotas say', async () => {
  const templateId = await api.template()
  const preview = async ({ token }: Person) =>
    (await api.call('POST', '/v1/session-previews', { token, body: { templateId }, key: null })).body
  office.authorized.add('seer')
  const [seer, none] = [await withLogin('seer'), await api.person()]
  expect(await preview(seer)).toMatchObject({ admitted: true, code: null })
  await api.db.updateTable('quota').set({ sessions: 0 }).where('payer_id', '=', none.id).execute()
  expect(await preview(none)).toMatchObject({ admitted: false, code: 'not_authorized' })
  office.instead = { status: 502, text: '' }
  expect(await preview(await withLogin('unsaid'))).toMatchObject({ admitted: false, code: 'user_office_unavailable' })
})

describe('given to another account, a session outside an experiment', () => {
  let owner: Person
  let templateId: string
  beforeAll(async () => {
    office.authorized.add('giver')
    owner = await withLogin('giver')
    templateId = await api.template()
  })

  async function member(login: string): Promise<Person> {
    const person = await withLogin(login)
    const role = { project_id: owner.projectId, account_id: person.id, role: 'editor' as const }
    await api.db.insertInto('project_member').values(role).execute()
    return person
  }
  async function running(): Promise<SessionId> {
    const headers = { prefer: 'respond-async' }
    const { body } = await api.call('POST', '/v1/sessions', { token: owner.token, body: { templateId }, headers })
    await api.decide(body.id)
    await makeReady(api.db, body.id, { endpoints: [] })
    return body.id
  }
  const give = async (id: SessionId, to: Person, more: object = {}) => {
    const body = { accountId: to.id, ...more }
    return await api.call('POST', `/v1/sessions/${id}/transfer`, { token: owner.token, key: null, body })
  }
  const standing = async (id: SessionId) =>
    await api.db
      .selectFrom('session')
      .select(['owner_id', 'stop_reason'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()

  test('goes to whom the user office authorizes, and to nobody else', async () => {
    office.authorized.add('heir')
    const [heir, other] = [await member('heir'), await member('other')]
    const id = await running()
    const refused = await give(id, other)
    expect(refused).toMatchObject({ status: 409, body: { code: 'transfer_unfit' } })
    expect(refused.text).toContain('user office')
    expect(await standing(id)).toEqual({ owner_id: owner.id, stop_reason: null })
    expect((await give(id, heir)).status).toBe(200)
    const last = await running()
    expect((await give(last, other, { orStop: true })).status).toBe(202)
    expect(await standing(last)).toEqual({ owner_id: owner.id, stop_reason: 'user' })
  })

  test('stays as it is while nobody can say', async () => {
    const unsaid = await member('later')
    const id = await running()
    office.instead = { status: 502, text: '' }
    for (const more of [{}, { orStop: true }])
      expect(await give(id, unsaid, more)).toMatchObject({ status: 503, body: { code: 'user_office_unavailable' } })
    expect(await standing(id)).toEqual({ owner_id: owner.id, stop_reason: null })
  })

  test('is not left by who is disabled to whom the user office does not authorize', async () => {
    office.authorized.add('sole-heir')
    const [heir, other] = [await member('sole-heir'), await member('disinherited')]
    const admin = await api.person({ roles: ['admin'] })
    const disable = async (to: Person) =>
      await api.call('POST', `/v1/accounts/${owner.id}/disable?transferTo=${to.id}`, { token: admin.token, key: null })
    const id = await running()
    office.instead = { status: 502, text: '' }
    expect(await disable(heir)).toMatchObject({ status: 503, body: { code: 'user_office_unavailable' } })
    expect(await standing(id)).toEqual({ owner_id: owner.id, stop_reason: null })
    office.instead = null
    expect((await disable(other)).status).toBe(200)
    expect(await standing(id)).toEqual({ owner_id: owner.id, stop_reason: 'account_disabled' })
  })
})

test('a session outside an experiment goes on as one starts: where the user office authorizes its owner', async () => {
  const templateId = await api.template()
  office.authorized.add('rester')
  const owner = await withLogin('rester')
  const operator = await api.person({ roles: ['operator'] })
  const headers = { prefer: 'respond-async' }
  const { id } = (await api.call('POST', '/v1/sessions', { token: owner.token, body: { templateId }, headers })).body
  await api.decide(id)
  await makeReady(api.db, id, { endpoints: [] })
  await allPausable(api.db)
  const ask = async (what: 'pause' | 'resume', { token } = owner, app = api.app) => {
    const ways = { method: 'POST', headers: { authorization: `Bearer ${token}`, ...headers } }
    const answer = await app.app.request(`/v1/sessions/${id}/${what}`, ways)
    return { status: answer.status, ...((await answer.json()) as { code?: string; state: string; wish: string }) }
  }
  // One that is not paused asks nobody: nothing starts.
  office.instead = { status: 502, text: '' }
  const asking = () => api.another({}, api.db, { userOffice: userOfficeOf(office) })
  expect((await ask('resume', owner, asking())).status).toBe(200)
  await ask('pause')
  const paused = { sessionId: id, generation: 1, number: 1 }
  await toPausing(api.db, paused)
  await toPaused(api.db, paused)

  expect(await ask('resume', owner, asking())).toMatchObject({ status: 503, code: 'user_office_unavailable' })
  office.instead = null
  office.authorized.delete('rester')
  // An operator's hand does not help, nor would an operator's own right.
  for (const by of [owner, operator])
    expect(await ask('resume', by, asking())).toMatchObject({ status: 403, code: 'not_authorized' })
  office.authorized.add('rester')
  expect(await ask('resume', operator, asking())).toMatchObject({ status: 202, wish: 'resume' })
  // What is on its way already is no second start.
  office.authorized.delete('rester')
  expect(await ask('resume', owner, asking())).toMatchObject({ status: 202, wish: 'resume' })
})
