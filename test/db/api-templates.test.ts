import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { notebook, startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let admin: Person
let me: Person

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
  me = await api.person({ organisation: 'Synchrotron', groups: ['beamline-7'] })
})
afterAll(() => api.close())

const make = (spec: object = {}, name = `t${randomUUID()}`) =>
  api.call('POST', '/v1/templates', { token: admin.token, body: { name, spec: { ...notebook, ...spec } } })
const put = (id: string, spec: object, match?: string) =>
  api.call('PUT', `/v1/templates/${id}`, {
    token: admin.token,
    body: { spec: { ...notebook, ...spec } },
    headers: match === undefined ? {} : { 'if-match': match },
  })

test('a template has its defaults applied, and shows users what they choose from, not what runs', async () => {
  const made = await make({ environment: { MODE: 'quiet' } })
  expect(made.status).toBe(201)
  expect(made.body).toMatchObject({
    version: 1,
    active: true,
    origin: 'api',
    queueLimitSeconds: 86_400,
    idleTimeoutSeconds: null,
    doors: { web: { protocol: 'http', modes: ['control', 'view'] } },
    spec: { image: 'notebook:1', command: null, capabilities: [], environment: { MODE: 'quiet' } },
  })
  const seen = await api.call('GET', `/v1/templates/${made.body.id}`, { token: me.token })
  expect(seen.status).toBe(200)
  expect(seen.body.parameters.threads).toEqual({ type: 'integer', min: 1, max: 8, default: 2 })
  expect(JSON.stringify(seen.body)).not.toMatch(/"spec"|notebook:1|quiet|secret/)
})

test.each([
  [{ defaultSize: 'huge' }, '/spec/defaultSize'],
  [{ readiness: { kind: 'tcp', port: 1 } }, '/spec/readiness/port'],
  [{ parameters: { n: { type: 'integer', min: 3, default: 1 } } }, '/spec/parameters/n/default'],
  [{ parameters: { n: { type: 'integer', min: 3, max: 1 } } }, '/spec/parameters/n/min'],
  [{ parameters: { s: { type: 'string', enum: ['a'], default: 'b' } } }, '/spec/parameters/s/default'],
  [{ parameters: { s: { type: 'boolean', min: 1 } } }, '/spec/parameters/s/min'],
  [{ doors: { Web: { protocol: 'http', port: 1, modes: ['view'] } } }, '/spec/doors/Web'],
  [{ doors: { web: { protocol: 'ftp', port: 1, modes: ['view'] } } }, '/spec/doors/web/protocol'],
  [{ parameters: { s: { type: 'string', secret: true, default: 'x' } } }, '/spec/parameters/s/default'],
  [{ visibleTo: [] }, '/spec/visibleTo'],
  [{ visibleTo: [{ kind: 'moon' }] }, '/spec/visibleTo/0/kind'],
  [{ sizes: {} }, '/spec/defaultSize'],
  [{ egress: 'everywhere' }, '/spec/egress'],
  [{ environment: { CARREL_SECRET: 'x' } }, '/spec/environment/CARREL_SECRET'],
  [
    { environment: { A: '1' }, parameters: { a: { type: 'string', default: 'b', env: 'A' } } },
    '/spec/parameters/a/env',
  ],
  [
    {
      mounts: [
        { kind: 'dataset', modes: ['ro'] },
        { kind: 'dataset', modes: ['rw'] },
      ],
    },
    '/spec/mounts/1/kind',
  ],
  [{ privileged: true }, '/spec/privileged'],
  [{ lifetimeSeconds: 0 }, '/spec/lifetimeSeconds'],
])('%j is no template: %s', async (spec, pointer) => {
  const refused = await make(spec)
  expect(refused.status).toBe(422)
  expect(refused.body.errors.map((e) => e.pointer)).toContain(pointer)
})

test('a name is taken once', async () => {
  const name = `t${randomUUID()}`
  const answers = await Promise.all([make({}, name), make({}, name), make({}, name)])
  expect(answers.map((a) => a.status).sort()).toEqual([201, 409, 409])
  expect(answers.find((a) => a.status === 409)?.body.code).toBe('name_taken')
  expect((await make({}, 'Not A Name')).status).toBe(422)
})

test('a change is a new version, made only by who has read the last; sessions keep theirs', async () => {
  const made = await make()
  const id = made.body.id
  const session = await api.call('POST', '/v1/sessions', {
    token: me.token,
    body: { templateId: id },
    headers: { prefer: 'respond-async' },
  })
  const etag = made.headers.get('etag') ?? ''
  expect((await put(id, { title: 'Two' })).body).toMatchObject({ status: 428, code: 'precondition_required' })
  const second = await put(id, { title: 'Two' }, etag)
  expect(second.body).toMatchObject({ version: 2, title: 'Two', name: made.body.name })
  expect((await put(id, { title: 'Three' }, etag)).body).toMatchObject({ status: 412, code: 'precondition_failed' })
  expect((await put(id, { title: 'Three' }, `W/${second.headers.get('etag')}`)).status).toBe(412)
  expect((await put(id, { title: 'Three' }, `"77", ${second.headers.get('etag')}`)).body.version).toBe(3)
  const kept = await api.call('GET', `/v1/sessions/${session.body.id}`, { token: me.token })
  expect(kept.body.template).toEqual({ id, version: 1, name: made.body.name })
})

test('two changes at once: one is made, one is told', async () => {
  // A: lock ── version 1 matches ── version 2 ── commit
  // B:   lock (waits) ······························· version 2 does not match ── 412
  const made = await make()
  const etag = made.headers.get('etag') ?? ''
  const answers = await Promise.all([put(made.body.id, { title: 'A' }, etag), put(made.body.id, { title: 'B' }, etag)])
  expect(answers.map((a) => a.status).sort()).toEqual([200, 412])
})

test('an inactive template is listed on request, and a new version makes it active again', async () => {
  const id = (await make()).body.id
  const gone = await api.call('POST', `/v1/templates/${id}/deactivate`, { token: admin.token, key: null })
  expect(gone.body.active).toBe(false)
  const listed = async (query: string) =>
    (await api.call('GET', `/v1/templates?limit=200${query}`, { token: me.token })).body.items.map((t) => t.id)
  expect(await listed('')).not.toContain(id)
  expect(await listed('&inactive=true')).toContain(id)
  await put(id, {}, '*')
  expect(await listed('')).toContain(id)
})

test('who a template is for decides in list and get alike; operators see all on request', async () => {
  const project = (await api.call('POST', '/v1/projects', { token: me.token, body: { name: 'P' } })).body.id
  const forMe = [
    { kind: 'everyone' },
    { kind: 'organisation', organisation: 'Synchrotron' },
    { kind: 'group', group: 'beamline-7' },
    { kind: 'project', projectId: project },
    { kind: 'account', accountId: me.id },
  ]
  const forOthers = [
    { kind: 'organisation', organisation: 'Elsewhere' },
    { kind: 'group', group: 'beamline-8' },
    { kind: 'project', projectId: 'p00000000000' },
    { kind: 'account', accountId: admin.id },
  ]
  const ids = async (audience: object[]) =>
    await Promise.all(audience.map(async (one) => (await make({ visibleTo: [one] })).body.id as string))
  const [mine, theirs] = [await ids(forMe), await ids(forOthers)]
  const get = async (id: string, token: string) => (await api.call('GET', `/v1/templates/${id}`, { token })).status
  for (const id of mine) expect(await get(id, me.token)).toBe(200)
  for (const id of theirs) expect(await get(id, me.token)).toBe(404)
  const list = async (token: string, query = '') => {
    const page = await api.call('GET', `/v1/templates?limit=200${query}`, { token })
    return new Set<string>(page.body.items.map((t) => t.id))
  }
  const seen = await list(me.token)
  expect(mine.every((id) => seen.has(id)) && !theirs.some((id) => seen.has(id))).toBe(true)
  const all = await list(admin.token, '&all=true')
  expect([...mine, ...theirs].every((id) => all.has(id))).toBe(true)
  expect((await list(admin.token)).has(mine[1] ?? '')).toBe(false)
})

test('pages of templates pass over those that are hidden', async () => {
  const person = await api.person({ groups: ['paging'] })
  const mine: string[] = []
  for (let i = 0; i < 5; i += 1) {
    mine.unshift((await make({ visibleTo: [{ kind: 'group', group: 'paging' }] })).body.id)
    await make({ visibleTo: [{ kind: 'group', group: 'nobody' }] })
  }
  const seen: string[] = []
  let cursor = ''
  do {
    const page = await api.call('GET', `/v1/templates?limit=2${cursor}`, { token: person.token })
    seen.push(...page.body.items.map((t) => t.id))
    cursor = page.body.nextCursor === null ? '' : `&cursor=${page.body.nextCursor}`
  } while (cursor !== '')
  expect(seen.filter((id) => mine.includes(id))).toEqual(mine)
  expect(new Set(seen).size).toBe(seen.length)
})

test("a template of the site's configuration is changed there alone", async () => {
  const id = (await make()).body.id
  await api.db.updateTable('template').set({ origin: 'configuration' }).where('id', '=', id).execute()
  expect((await put(id, {}, '*')).body).toMatchObject({ status: 409, code: 'conflict' })
  const refused = await api.call('POST', `/v1/templates/${id}/deactivate`, { token: admin.token, key: null })
  expect(refused.status).toBe(409)
})
