// oxlint-disable max-lines -- what becomes of one experiment is read together
import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createComputeActivities } from '../../activities/compute.ts'
import type { Creation } from '../../activities/compute.ts'
import { doorFacts } from '../../db/doors.ts'
import { stopWithdrawnSessions } from '../../db/withdrawals.ts'
import { usableMode } from '../../domain/authorization.ts'
import type { AccountId, ExperimentId, ProviderId, SessionId } from '../../domain/ids.ts'
import { dayMs } from '../../domain/site-days.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { locator } from '../../platform/target.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { callApp, startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { plainSecrets } from '../setup/plain-secrets.ts'

let api: TestApi
let admin: Person
let me: Person
let template: string
const soon = { headers: { prefer: 'respond-async' } }
const fake = 'fake' as ProviderId
const mounts = [{ kind: 'experiment', modes: ['ro', 'rw'] }]
const day = (from: number) => new Date(Date.now() + from * dayMs).toISOString().slice(0, 10)
const data = [
  { name: 'raw', path: '/data/v1/raw', target: '/experiment/raw', mode: 'ro' },
  { name: 'results', path: '/data/v1/results', target: '/experiment/results', mode: 'rw' },
]

beforeAll(async () => {
  api = await startApi({ access: { timeZone: 'Europe/Paris', daysBefore: 1, daysAfter: 1 } })
  admin = await api.person({ roles: ['admin'] })
  me = await api.person()
  template = await api.template({ mounts, user: 'account', sharing: 'invited' })
  await api.db.insertInto('data_root').values({ path: '/data', provider_id: fake, host_path: '/mnt/data' }).execute()
})
afterAll(() => api.close())

async function project(owner: Person = me): Promise<string> {
  return (await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'Study' } })).body.id
}

async function join(projectId: string, person: Person, role = 'editor'): Promise<void> {
  const headers = { 'if-match': '*' }
  const path = `/v1/projects/${projectId}/members/${person.id}`
  expect((await api.call('PUT', path, { token: me.token, body: { role }, headers })).status).toBe(200)
}

async function experiment(projectId: string, over: object = {}): Promise<ExperimentId> {
  const body = {
    projectId,
    name: 'Visit',
    starts: day(-1),
    ends: day(1),
    posix: { uid: 40_001, gid: 40_001 },
    datasets: data,
    ...over,
  }
  const made = await api.call('POST', '/v1/experiments', { token: admin.token, body })
  expect([made.status, made.body.code]).toEqual([201, undefined])
  return made.body.id
}

const start = async (experimentId: string, person: Person = me, over: object = {}) =>
  await api.call('POST', '/v1/sessions', {
    token: person.token,
    body: { templateId: template, experimentId, ...over },
    ...soon,
  })

async function started(experimentId: string, person: Person = me): Promise<SessionId> {
  const made = await start(experimentId, person)
  expect(made.status).toBe(202)
  return made.body.id
}

/** Has the session made, as its provider's worker would. */
async function provision(sessionId: SessionId) {
  const specs: InstanceSpec[] = []
  const provider = createFakeProvider()
  const { createInstance } = createComputeActivities({
    db: api.db,
    providerId: fake,
    provider: {
      ...provider,
      create: async (spec, call) => {
        specs.push(spec)
        return await provider.create(spec, call)
      },
    },
    secrets: plainSecrets,
    locate: locator([]),
    access: { timeZone: 'Europe/Paris', daysBefore: 1, daysAfter: 1 },
    timings: defaultTimings,
    stopping: new AbortController().signal,
  })
  await api.decide(sessionId)
  const creation: Creation = await new MockActivityEnvironment().run(createInstance, { sessionId, generation: 1 })
  return { creation, spec: specs[0] }
}

const modeOf = async (sessionId: SessionId, accountId: AccountId) => {
  const facts = await doorFacts(api.db, sessionId, accountId)
  return facts === null ? null : usableMode(facts.use, facts.account, facts, Date.now())
}
const stopReasonOf = async (id: SessionId) =>
  (await api.db.selectFrom('session').select('stop_reason').where('id', '=', id).executeTakeFirstOrThrow()).stop_reason

describe('a session in an experiment', () => {
  test('has its data, reads it, writes its results, and runs as it says, in its project', async () => {
    const projectId = await project()
    const id = await experiment(projectId)
    const preview = await api.call('POST', '/v1/session-previews', {
      token: me.token,
      body: { templateId: template, experimentId: id },
    })
    expect(preview.body).toMatchObject({ projectId, experimentId: id, admitted: true })
    const made = await start(id)
    expect(made.body).toMatchObject({
      projectId,
      experimentId: id,
      mounts: [
        { source: { kind: 'experiment', id: `${id}.raw` }, target: '/experiment/raw', mode: 'ro' },
        { source: { kind: 'experiment', id: `${id}.results` }, target: '/experiment/results', mode: 'rw' },
      ],
    })
    const listed = async (query: string) =>
      (await api.call('GET', `/v1/sessions?experiment=${query}`, { token: me.token })).body.items.map((item) => item.id)
    expect(await listed(id)).toEqual([made.body.id])
    expect(await listed('e00000000000')).toEqual([])
    // It ends with the access window: the whole day after the last one, in the site's zone.
    expect(new Date(made.body.expiresAt).getTime()).toBeGreaterThan(Date.now() + dayMs)
    const { creation, spec } = await provision(made.body.id)
    expect(creation.kind).toBe('created')
    expect(spec).toMatchObject({
      user: { uid: 40_001, gid: 40_001, gids: [] },
      mounts: [
        { hostPath: '/mnt/data/v1/raw', target: '/experiment/raw', mode: 'ro' },
        { hostPath: '/mnt/data/v1/results', target: '/experiment/results', mode: 'rw' },
      ],
    })
  })

  test('is not to be had by whom the experiment is not for, nor outside its window, nor where its data is not', async () => {
    const projectId = await project()
    const other = await api.person()
    const hidden = await experiment(projectId)
    expect((await start(hidden, other)).body).toMatchObject({
      status: 404,
      code: 'not_found',
      errors: [{ pointer: '/experimentId' }],
    })
    // Neither in another project, nor by naming the mounts themselves.
    expect((await start(hidden, me, { projectId: me.projectId })).body).toMatchObject({ status: 422 })
    const named = [{ source: { kind: 'experiment', id: `${hidden}.raw` }, target: '/x', mode: 'ro' }]
    const plain = await api.call('POST', '/v1/sessions', {
      token: other.token,
      body: { templateId: template, mounts: named },
      ...soon,
    })
    expect(plain.body).toMatchObject({ status: 422, errors: [{ pointer: '/mounts/0/source' }] })
    await join(projectId, other, 'viewer')
    expect((await start(hidden, other)).status).toBe(403)
    const past = await experiment(projectId, { starts: day(-5), ends: day(-3) })
    expect((await start(past)).body).toMatchObject({ status: 409, code: 'experiment_closed' })
    const lost = await experiment(projectId)
    await api.db
      .updateTable('experiment')
      .set({ datasets: JSON.stringify([{ ...data[0], path: '/elsewhere/v1' }]) })
      .where('id', '=', lost)
      .execute()
    expect((await start(lost)).body).toMatchObject({ status: 422, errors: [{ pointer: '/experimentId' }] })
    const bare = await api.template({ user: 'account' })
    expect((await start(hidden, me, { templateId: bare })).body).toMatchObject({
      status: 422,
      errors: [{ pointer: '/experimentId' }, { pointer: '/experimentId' }],
    })
  })

  test('of ten who ask at once with one account one is let in, and then another where the template allows two', async () => {
    // each: hold account and project ── lock experiment (waits) ── count ── insert ── commit
    const id = await experiment(await project())
    const answers = await Promise.all(Array.from({ length: 10 }, async () => await start(id)))
    expect(answers.map((a) => a.status).sort()).toEqual([202, ...Array.from({ length: 9 }, () => 409)])
    expect(new Set(answers.filter((a) => a.status === 409).map((a) => a.body.code))).toEqual(
      new Set(['experiment_in_use']),
    )
    const two = await api.template({ mounts, user: 'account', sessionsPerExperiment: 2 })
    const more = await Promise.all(Array.from({ length: 5 }, async () => await start(id, me, { templateId: two })))
    expect(more.map((a) => a.status).sort()).toEqual([202, 409, 409, 409, 409])
  })

  test('whoever lost the right before it was made has nothing mounted: it ends', async () => {
    const projectId = await project()
    const other = await api.person()
    await join(projectId, other)
    const id = await experiment(projectId)
    const sessionId = await started(id, other)
    await api.db
      .deleteFrom('project_member')
      .where('account_id', '=', other.id)
      .where('project_id', '=', projectId as never)
      .execute()
    const { creation, spec } = await provision(sessionId)
    expect([creation.kind, spec, await stopReasonOf(sessionId)]).toEqual(['unavailable', undefined, 'access_withdrawn'])
    // And so it is when the window has closed meanwhile.
    const late = await started(id)
    await api.db.updateTable('experiment').set({ ends: '2020-01-01' }).where('id', '=', id).execute()
    expect((await provision(late)).spec).toBeUndefined()
  })

  test('a member who is removed loses the doors at once, and the session is stopped', async () => {
    const projectId = await project()
    const other = await api.person()
    await join(projectId, other)
    const id = await experiment(projectId)
    const sessionId = await started(id, other)
    expect(await modeOf(sessionId, other.id)).toBe('control')
    const gone = await api.call('DELETE', `/v1/projects/${projectId}/members/${other.id}`, { token: me.token })
    expect([gone.status, await modeOf(sessionId, other.id)]).toEqual([204, null])
    expect(await stopReasonOf(sessionId)).toBe('access_withdrawn')
  })

  test('a catalogue that takes the experiment away shuts its doors; the upkeep stops what nobody else has', async () => {
    const id = await experiment(await project())
    const sessionId = await started(id)
    expect(await modeOf(sessionId, me.id)).toBe('control')
    await api.db.updateTable('experiment').set({ audience: 'named' }).where('id', '=', id).execute()
    expect(await modeOf(sessionId, me.id)).toBeNull()
    expect((await api.call('GET', `/v1/experiments/${id}`, { token: me.token })).status).toBe(404)
    await api.db.insertInto('experiment_member').values({ experiment_id: id, account_id: me.id }).execute()
    expect(await modeOf(sessionId, me.id)).toBe('control')
    await api.db.updateTable('experiment').set({ withdrawn_at: new Date() }).where('id', '=', id).execute()
    await stopWithdrawnSessions(api.db)
    expect([await modeOf(sessionId, me.id), await stopReasonOf(sessionId)]).toEqual([null, 'access_withdrawn'])
  })

  test('it ends with its window, also when that becomes shorter', async () => {
    const id = await experiment(await project())
    const sessionId = await started(id)
    const ends = new Date(Date.now() + 3_600_000).toISOString()
    const patch = { token: admin.token, body: { ends }, headers: { 'if-match': '"1"' } }
    const changed = await api.call('PATCH', `/v1/experiments/${id}`, patch)
    expect(changed.body).toMatchObject({ ends, closesAt: new Date(Date.parse(ends) + dayMs).toISOString() })
    const session = await api.call('GET', `/v1/sessions/${sessionId}`, { token: me.token })
    expect(session.body.expiresAt).toBe(changed.body['closesAt'])
  })
})

describe('what a session has of its experiment', () => {
  const visit = async () => {
    const projectId = await project()
    const id = await experiment(projectId)
    const sessionId = await started(id)
    expect((await provision(sessionId)).creation.kind).toBe('created')
    return { id, sessionId, projectId }
  }
  const put = async (id: ExperimentId, change: object, app = api.app) => {
    const ask = { token: admin.token, body: change, headers: { 'if-match': '*' } }
    expect((await callApp(app, 'PATCH', `/v1/experiments/${id}`, ask)).status).toBe(200)
  }
  const standing = async (sessionId: SessionId) => [await modeOf(sessionId, me.id), await stopReasonOf(sessionId)]
  const more = { name: 'more', path: '/data/v1/more', target: '/experiment/more', mode: 'ro' }

  test.each([
    ['data that is taken away', { datasets: data.slice(0, 1) }],
    ['data that lies elsewhere', { datasets: [{ ...data[0], path: '/data/v2/raw' }, data[1]] }],
    ['results that are to be read alone', { datasets: data.map((one) => ({ ...one, mode: 'ro' })) }],
    ['another group', { posix: { uid: 40_001, gid: 40_002 } }],
    ['nobody to run as', { posix: null }],
  ])('ends it with %s', async (_, change) => {
    const { id, sessionId } = await visit()
    await put(id, change)
    expect(await standing(sessionId)).toEqual([null, 'access_withdrawn'])
  })

  test.each([
    ['more data', { datasets: [more, ...data] }],
    ['data that may be written to', { datasets: data.map((one) => ({ ...one, mode: 'rw' })) }],
    [
      'data under another name, seen elsewhere',
      { datasets: data.map((one) => ({ ...one, name: `${one.name}-1`, target: `/x/${one.name}` })) },
    ],
    ['another name', { name: 'Second visit', instrument: 'ID02' }],
  ])('is not touched by %s', async (_, change) => {
    const { id, sessionId } = await visit()
    await put(id, change)
    await stopWithdrawnSessions(api.db)
    expect(await standing(sessionId)).toEqual(['control', null])
  })

  test('is behind shut doors where sessions go on, and back with what was taken', async () => {
    const { id, sessionId } = await visit()
    const kept = api.another({ withdrawn: 'keepDoorsShut' })
    await put(id, { datasets: [] }, kept)
    await stopWithdrawnSessions(api.db, 'keepDoorsShut')
    expect(await standing(sessionId)).toEqual([null, null])
    await put(id, { datasets: data }, kept)
    expect(await standing(sessionId)).toEqual(['control', null])
  })

  test('is given to nobody else while its experiment says something else', async () => {
    const { id, sessionId, projectId } = await visit()
    const heir = await api.person()
    await join(projectId, heir)
    await api.db.updateTable('session').set({ state: 'ready' }).where('id', '=', sessionId).execute()
    const kept = api.another({ withdrawn: 'keepDoorsShut' })
    const give = async () => {
      const ask = { token: me.token, body: { accountId: heir.id } }
      return (await callApp(kept, 'POST', `/v1/sessions/${sessionId}/transfer`, ask)).body.code
    }
    await put(id, { posix: null }, kept)
    expect(await give()).toBe('transfer_unfit')
    await put(id, { posix: { uid: 40_001, gid: 40_001 } }, kept)
    expect(await give()).toBeUndefined()
  })

  test('ends now when the visit is put off, and its history says until when it lasts', async () => {
    const { id, sessionId } = await visit()
    await put(id, { starts: day(10), ends: day(12) })
    expect(await standing(sessionId)).toEqual([null, null])
    const { items } = (await api.call('GET', `/v1/sessions/${sessionId}/events`, { token: me.token })).body
    const session = await api.call('GET', `/v1/sessions/${sessionId}`, { token: me.token })
    expect(items.at(-1)).toMatchObject({ type: 'session.shortened', data: { expiresAt: session.body.expiresAt } })
    expect(new Date(session.body.expiresAt).getTime()).toBeLessThanOrEqual(Date.now() + 60_000)
  })

  test('ends with the role to work with it', async () => {
    const projectId = await project()
    const other = await api.person()
    await join(projectId, other)
    const sessionId = await started(await experiment(projectId), other)
    await join(projectId, other, 'viewer')
    expect([await modeOf(sessionId, other.id), await stopReasonOf(sessionId)]).toEqual([null, 'access_withdrawn'])
  })
})

describe('experiments', () => {
  test('paths lie below the site’s roots, and nobody runs as root or as a system', async () => {
    const projectId = await project()
    const make = async (over: object, token = admin.token) =>
      (await api.call('POST', '/v1/experiments', { token, body: { projectId, name: 'x', ...over } })).status
    for (const path of ['/etc', '/data', '/data/../etc', 'data/x', '/data/x/'])
      expect([path, await make({ datasets: [{ ...data[0], path }] })]).toEqual([path, 422])
    for (const posix of [
      { uid: 0, gid: 1_000 },
      { uid: 1_000, gid: 0 },
      { uid: 999, gid: 1_000 },
      { uid: 65_534, gid: 1_000 },
    ])
      expect([posix, await make({ posix })]).toEqual([posix, 422])
    expect(await make({ starts: '2026-02-30' })).toBe(422)
    expect(await make({ starts: '2026-03-02', ends: '2026-03-01' })).toBe(422)
    expect(await make({ starts: '2026-03-01', ends: '2026-03-01' })).toBe(201)
    expect(await make({}, me.token)).toBe(403)
  })

  test('are searched, ordered and filtered, page by page; nobody else sees them', async () => {
    const person = await api.person()
    const projectId = await project(person)
    const ids: string[] = []
    for (const [place, name] of ['Alpha protein', 'beta Glass', 'Gamma 100% glass'].entries())
      ids.push(
        await experiment(projectId, {
          name,
          instrument: place === 0 ? 'ID01' : 'BM02',
          starts: `2026-0${place + 1}-10`,
          ends: `2026-0${place + 1}-12`,
        }),
      )
    const list = async (query: string) => {
      const answer = await api.call('GET', `/v1/experiments?${query}`, { token: person.token })
      expect(answer.status).toBe(200)
      return answer.body.items.map((item) => ids.indexOf(item.id))
    }
    expect(await list('')).toEqual([2, 1, 0])
    expect(await list('order=starts')).toEqual([0, 1, 2])
    expect(await list('order=-name')).toEqual([2, 1, 0])
    expect(await list('search=GLASS')).toEqual([2, 1])
    expect(await list('search=glass%20be')).toEqual([1])
    expect(await list('search=100%25')).toEqual([2])
    expect(await list('search=_')).toEqual([])
    expect(await list('instrument=ID01')).toEqual([0])
    expect(await list('from=2026-01-12&to=2026-02-10')).toEqual([1, 0])
    expect(await list('from=2026-01-13&to=2026-02-09')).toEqual([])
    expect(await list(`project=${me.projectId}`)).toEqual([])
    const favourite = `/v1/experiments/${ids[1]}/favourite`
    expect((await api.call('POST', favourite, { token: person.token })).status).toBe(204)
    expect(await list('favourite=true')).toEqual([1])
    expect((await api.call('DELETE', favourite, { token: person.token })).status).toBe(204)
    expect(await list('favourite=true')).toEqual([])
    for (const order of ['starts', '-starts', 'name', '-name']) {
      const walked: string[] = []
      let cursor = ''
      do {
        const path = `/v1/experiments?limit=1&order=${order}${cursor}`
        const { body } = await api.call('GET', path, { token: person.token })
        walked.push(...body.items.map((item) => item.id as string))
        cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
      } while (cursor !== '')
      expect(walked.map((id) => ids.indexOf(id))).toEqual(order.startsWith('-') ? [2, 1, 0] : [0, 1, 2])
    }
    const mine = await api.call('GET', '/v1/experiments?limit=1', { token: person.token })
    const stolen = `/v1/experiments?order=name&cursor=${mine.body.nextCursor}`
    expect((await api.call('GET', stolen, { token: person.token })).status).toBe(422)
    const others = await api.call('GET', '/v1/experiments?search=gamma', { token: (await api.person()).token })
    expect(others.body.items).toEqual([])
    expect(JSON.stringify(mine.body)).not.toContain('/data/')
  })
})

describe('projects', () => {
  test('are given away, left by all but the last owner, and put aside with what runs in them', async () => {
    const [heir, other] = [await api.person(), await api.person()]
    const id = await project()
    const act = async (what: string, person: Person, body?: object) =>
      await api.call('POST', `/v1/projects/${id}/${what}`, {
        token: person.token,
        ...(body === undefined ? {} : { body }),
      })
    expect((await act('leave', me)).body).toMatchObject({ status: 409, code: 'conflict' })
    expect((await act('transfer', me, { accountId: heir.id })).status).toBe(200)
    expect((await act('transfer', me, { accountId: me.id })).status).toBe(403)
    const members = await api.call('GET', `/v1/projects/${id}/members`, { token: heir.token })
    expect(Object.fromEntries(members.body.items.map((m) => [m.accountId, m['role']]))).toEqual({
      [me.id]: 'editor',
      [heir.id]: 'owner',
    })
    expect((await act('leave', other)).status).toBe(404)
    const session = await api.call('POST', '/v1/sessions', {
      token: me.token,
      body: { templateId: template, projectId: id },
      ...soon,
    })
    expect((await act('archive', heir)).body['closedAt']).not.toBeNull()
    expect(await stopReasonOf(session.body.id)).toBe('project_closed')
    const again = { token: me.token, body: { templateId: template, projectId: id }, ...soon }
    expect((await api.call('POST', '/v1/sessions', again)).status).toBe(409)
    expect((await act('unarchive', heir)).body['closedAt']).toBeNull()
    expect((await api.call('POST', '/v1/sessions', again)).status).toBe(202)
    expect((await act('leave', me)).status).toBe(204)
    expect((await api.call('POST', `/v1/projects/${me.projectId}/archive`, { token: me.token })).status).toBe(409)
  })

  test('are searched and filtered by what is in them', async () => {
    const person = await api.person()
    const ids = [await project(person), person.projectId as string]
    await experiment(ids[0] ?? '', { instrument: 'ID77', starts: '2026-05-01', ends: '2026-05-02' })
    const list = async (query: string) =>
      (await api.call('GET', `/v1/projects?${query}`, { token: person.token })).body.items.map((item) => item.id)
    expect(await list('instrument=ID77')).toEqual([ids[0]])
    expect(await list('search=stu')).toEqual([ids[0]])
    expect(await list('from=2026-05-03')).toEqual([])
    expect(await list('order=name')).toEqual([ids[1], ids[0]])
    expect((await api.call('POST', `/v1/projects/${ids[1]}/favourite`, { token: person.token })).status).toBe(204)
    expect(await list('favourite=true')).toEqual([ids[1]])
  })

  test('what a catalogue says is not changed here, for as long as it is configured', async () => {
    const id = await project()
    const visit = await experiment(id)
    const other = await api.person()
    await join(id, other)
    await api.db
      .updateTable('project_member')
      .set({ source: 'office' })
      .where('account_id', '=', other.id)
      .where('project_id', '=', id as never)
      .execute()
    await api.db
      .updateTable('experiment')
      .set({ source: 'office', external_id: 'P/1' })
      .where('id', '=', visit)
      .execute()
    const asked = api.another({ catalogues: [{ id: 'office', extent: 'person' }] })
    const headers = { 'if-match': '*' }
    const answers = async (method: string, path: string, token: string, body?: object) =>
      (await callApp(asked, method, path, { token, headers, ...(body && { body }) })).body
    const configured = { status: 409, code: 'configured' }
    expect(await answers('POST', `/v1/projects/${id}/leave`, other.token)).toMatchObject(configured)
    expect(await answers('DELETE', `/v1/projects/${id}/members/${other.id}`, me.token)).toMatchObject(configured)
    const patch = { description: 'Glass.' }
    expect(await answers('PATCH', `/v1/experiments/${visit}`, admin.token, patch)).toMatchObject(configured)

    // Taken out of the configuration it says nothing any more, and nobody else could.
    const changed = await api.call('PATCH', `/v1/experiments/${visit}`, { token: admin.token, body: patch, headers })
    expect([changed.status, changed.body]).toMatchObject([200, patch])
    const nameless = { token: admin.token, body: { externalId: null }, headers }
    expect((await api.call('PATCH', `/v1/experiments/${visit}`, nameless)).body).toMatchObject(configured)
    const left = await api.call('POST', `/v1/projects/${id}/leave`, { token: other.token })
    expect(left.status).toBe(204)
  })
})
