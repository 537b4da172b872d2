import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { heldBy } from '../../db/admission.ts'
import { releaseReservation } from '../../db/reservations.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { ProjectRole } from '../../domain/authorization.ts'
import { nothing } from '../../domain/resources.ts'
import { startApi } from '../setup/api.ts'
import type { AnyId, Person, TestApi } from '../setup/api.ts'
import { makeReady } from '../setup/ready-session.ts'

const ada = { user: 'ada', uid: 1_815, gid: 1_815, gids: [2_000] }
const small = { sessions: 1, cpuMilli: 1_000, memoryMib: 1_024, diskMib: 0, gpus: 0 }

let api: TestApi
let admin: Person
let owner: Person
let heir: Person
let projectId: AnyId
let templateId: string

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
  templateId = await api.template()
})
afterAll(() => api.close())

beforeEach(async () => {
  owner = await api.person()
  heir = await api.person()
  projectId = (await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'Shared' } })).body.id
  await join(heir, 'editor')
})

async function join(person: Person, role: ProjectRole) {
  const member = { project_id: projectId, account_id: person.id, role }
  await api.db.insertInto('project_member').values(member).execute()
}

/** A session that is admitted and ready, of the owner in the project that both share. */
async function running(template = templateId): Promise<SessionId> {
  const body = { templateId: template, projectId }
  const made = await api.call('POST', '/v1/sessions', {
    token: owner.token,
    body,
    headers: { prefer: 'respond-async' },
  })
  const id: SessionId = made.body.id
  await api.decide(id)
  await makeReady(api.db, id, { endpoints: [] })
  return id
}

const give = (id: SessionId, to: { id: string }, by: Person = owner, more: object = {}) =>
  api.call('POST', `/v1/sessions/${id}/transfer`, { token: by.token, key: null, body: { accountId: to.id, ...more } })
const limit = (person: Person, sessions: number | null) =>
  api.db.updateTable('quota').set({ sessions }).where('payer_id', '=', person.id).execute()
const held = (person: Person) => heldBy(api.db, { kind: 'account', id: person.id })
const rowOf = (id: SessionId) => api.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

test('it is the new owner’s, on the new owner’s quota, and who started it stays', async () => {
  const id = await running()
  const before = await held(heir)
  const given = await give(id, heir)
  expect([given.status, given.body]).toMatchObject([200, { id, owner: heir.id, startedBy: owner.id, state: 'ready' }])
  expect([before, await held(owner), await held(heir)]).toEqual([nothing, nothing, small])
  const told = await api.call('GET', `/v1/sessions/${id}/events`, { token: heir.token })
  expect(told.body.items.at(-1)).toMatchObject({
    type: 'session.transferred',
    data: { from: owner.id, to: heir.id },
  })
  const audit = await api.db
    .selectFrom('audit_event')
    .select('detail')
    .where('action', '=', 'transferSession')
    .where('subject_id', '=', id)
    .execute()
  expect(audit).toMatchObject([{ detail: { to: heir.id } }])
  // Each pays for the time that was theirs.
  await releaseReservation(api.db, { sessionId: id, generation: 1 })
  const usage = await api.db
    .selectFrom('session_usage')
    .select(['part', 'account_id'])
    .where('session_id', '=', id)
    .execute()
  expect(usage.sort((a, b) => a.part - b.part).map((line) => line.account_id)).toEqual([owner.id, heir.id])
  expect(await held(heir)).toEqual(nothing)
})

describe('refused, nothing has changed', () => {
  test.each<[string, () => Promise<{ to: Person; sessionId?: SessionId }>, number, string]>([
    ['no member of the project', async () => ({ to: await api.person() }), 422, 'members_only'],
    [
      'one that only looks',
      async () => {
        const to = await api.person()
        await join(to, 'viewer')
        return { to }
      },
      422,
      'members_only',
    ],
    [
      'one that is disabled',
      async () => {
        await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', heir.id).execute()
        return { to: heir }
      },
      422,
      'members_only',
    ],
    [
      'one whose quota is used up',
      async () => {
        await limit(heir, 0)
        return { to: heir }
      },
      403,
      'exceeds_limit',
    ],
    [
      'one that does not see the template',
      async () => ({
        to: heir,
        sessionId: await running(await api.template({ visibleTo: [{ kind: 'account', accountId: owner.id }] })),
      }),
      409,
      'transfer_unfit',
    ],
  ])('%s', async (_, prepare, status, code) => {
    const { to, sessionId } = await prepare()
    const id = sessionId ?? (await running())
    const version = (await rowOf(id)).version
    const refused = await give(id, to)
    expect([refused.status, refused.body.code]).toEqual([status, code])
    expect(await rowOf(id)).toMatchObject({ owner_id: owner.id, version, stop_requested_at: null })
    expect(await held(owner)).toEqual(small)
  })

  test('of an account’s quota only whoever may know it is told', async () => {
    await limit(heir, 0)
    const id = await running()
    expect((await give(id, heir)).body['violations']).toEqual([])
    expect((await give(id, heir, admin)).body['violations']).toMatchObject([{ payer: { id: heir.id }, limit: 0 }])
  })

  test('an account that is not there is what one is that is no member', async () => {
    const id = await running()
    const none = await give(id, { id: 'a00000000000' })
    const other = await give(id, await api.person())
    expect({ ...none.body, requestId: '' }).toEqual({ ...other.body, requestId: '' })
  })

  test('what is not settled, and what has ended', async () => {
    const id = await running()
    await api.db.updateTable('session').set({ state: 'provisioning' }).where('id', '=', id).execute()
    expect((await give(id, heir)).body.code).toBe('not_ready')
    await api.db.updateTable('session').set({ state: 'ready' }).where('id', '=', id).execute()
    expect((await api.call('DELETE', `/v1/sessions/${id}`, { token: owner.token })).status).toBe(202)
    expect((await give(id, heir)).body.code).toBe('conflict')
  })
})

describe('what runs as its owner', () => {
  let asAccount: string
  beforeAll(async () => {
    asAccount = await api.template({ user: 'account' })
  })
  const be = (person: Person, posix: object | null) =>
    api.db
      .updateTable('account')
      .set({ posix: posix === null ? null : JSON.stringify(posix) })
      .where('id', '=', person.id)
      .execute()

  test('goes on under whoever is the same user, and no other', async () => {
    await be(owner, ada)
    const id = await running(asAccount)
    for (const posix of [null, { ...ada, uid: 1_816 }, { ...ada, gids: [] }]) {
      await be(heir, posix)
      const refused = await give(id, heir)
      expect([refused.status, refused.body.code]).toEqual([409, 'transfer_unfit'])
    }
    await be(heir, ada)
    expect((await give(id, heir)).status).toBe(200)
  })

  test('is judged by whom it runs as, not by whom its owner is by now', async () => {
    await be(owner, ada)
    const id = await running(asAccount)
    await api.db
      .updateTable('instance')
      .set({ runs_as: JSON.stringify(ada) })
      .where('session_id', '=', id)
      .execute()
    await be(owner, { ...ada, uid: 1_999 })
    await be(heir, { ...ada, uid: 1_999 })
    expect((await give(id, heir)).body.code).toBe('transfer_unfit')
    await be(heir, ada)
    expect((await give(id, heir)).status).toBe(200)
  })

  test('ends instead, where that was asked for', async () => {
    await be(owner, ada)
    const id = await running(asAccount)
    const stopped = await give(id, heir, owner, { orStop: true })
    expect([stopped.status, stopped.body]).toMatchObject([202, { owner: owner.id }])
    expect(await rowOf(id)).toMatchObject({ owner_id: owner.id, stop_reason: 'user' })
  })
})

test('two who give it away at once, and its owner who stops it: it is one’s, held once, or to end', async () => {
  // give to B:  account, payers, session ── commit
  // give to C:        waits ······················ it is another's by now
  // stop:                   waits ················ it ends, whosever it is
  for (let turn = 0; turn < 4; turn += 1) {
    const third = await api.person()
    await join(third, 'editor')
    const id = await running()
    const stops = turn % 2 === 1
    const answers = await Promise.all([
      give(id, heir),
      give(id, third),
      ...(stops ? [api.call('DELETE', `/v1/sessions/${id}`, { token: owner.token })] : []),
    ])
    expect(answers.map((answer) => answer.status).filter((status) => status >= 500)).toEqual([])
    const { owner_id } = await rowOf(id)
    const holders = (
      await Promise.all([owner, heir, third].map(async (person) => ({ id: person.id, held: await held(person) })))
    ).filter((one) => one.held.sessions > 0)
    expect(holders).toContainEqual({ id: owner_id, held: expect.objectContaining({ sessions: expect.any(Number) }) })
    const reserved = await api.db.selectFrom('reservation').select('account_id').where('session_id', '=', id).execute()
    expect(reserved).toEqual([{ account_id: owner_id }])
  }
})

test('sessions that race for the last place of a quota: it is never exceeded', async () => {
  await limit(heir, 2)
  const ids = [await running(), await running(), await running(), await running()]
  const answers = await Promise.all(ids.map((id) => give(id, heir)))
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, 200, 409, 409])
  expect((await held(heir)).sessions).toBe(2)
  expect((await held(owner)).sessions).toBe(2)
})

describe('an account that is disabled', () => {
  const disable = (person: Person, to?: string) =>
    api.call('POST', `/v1/accounts/${person.id}/disable${to === undefined ? '' : `?transferTo=${to}`}`, {
      token: admin.token,
      key: null,
    })

  test('leaves its sessions to whom an admin names, each that may be theirs; the others end', async () => {
    await limit(heir, 1)
    const ids = [await running(), await running()].sort()
    const own = await api.call('POST', '/v1/sessions', {
      token: owner.token,
      body: { templateId },
      headers: { prefer: 'respond-async' },
    })
    expect((await disable(owner, heir.id)).status).toBe(200)
    const rows = await Promise.all([...ids, own.body.id].map(async (id) => await rowOf(id)))
    expect(rows.map((row) => [row.owner_id, row.stop_reason])).toEqual([
      [heir.id, null],
      [owner.id, 'account_disabled'],
      [owner.id, 'account_disabled'],
    ])
  })

  test('and is not disabled where that account is none that can have anything', async () => {
    for (const to of ['a00000000000', owner.id]) {
      const refused = await disable(owner, to)
      expect([refused.status, refused.body.errors]).toMatchObject([422, [{ pointer: '/transferTo' }]])
    }
    expect((await api.call('GET', '/v1/whoami', { token: owner.token })).status).toBe(200)
  })

  test('two who are disabled in favour of each other, and sessions that are given both ways: nobody waits for ever', async () => {
    await api.db.updateTable('project_member').set({ role: 'owner' }).where('project_id', '=', projectId).execute()
    const ids = [await running(), await running()]
    expect((await give(ids[0] as SessionId, heir)).status).toBe(200)
    const answers = await Promise.all([
      disable(owner, heir.id),
      disable(heir, owner.id),
      give(ids[0] as SessionId, owner, admin),
      give(ids[1] as SessionId, heir, admin),
    ])
    expect(answers.filter((answer) => answer.status >= 500)).toEqual([])
    const live = (await Promise.all(ids.map(rowOf))).filter((row) => row.stop_requested_at === null)
    for (const row of live) {
      const { disabled_at } = await api.db
        .selectFrom('account')
        .select('disabled_at')
        .where('id', '=', row.owner_id)
        .executeTakeFirstOrThrow()
      expect(disabled_at).toBeNull()
    }
  })
})
