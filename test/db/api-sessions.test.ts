import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { insertProvider } from '../../db/provider-registry.ts'
import { shutProvider } from '../../db/provider-shut.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { sessionParameters } from '../../platform/secrets.ts'
import { secrets, startApi } from '../setup/api.ts'
import type { Ask, Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  templateId = await api.template()
})
beforeEach(async () => {
  me = await api.person()
})
afterAll(() => api.close())

const wish = (body: object = {}, prefer = 'respond-async'): Ask => ({
  token: me.token,
  body: { templateId, ...body },
  headers: { prefer },
})
const create = (body?: object, prefer?: string) => api.call('POST', '/v1/sessions', wish(body, prefer))

/** Limits what the account may hold. */
const limit = (sessions: number, cpuMilli: number | null = null) =>
  api.db
    .updateTable('quota')
    .set({ sessions, cpu_milli: cpuMilli })
    .where('payer_kind', '=', 'account')
    .where('payer_id', '=', me.id)
    .execute()

test('a session that nobody decides is 202, with every choice made and every default applied', async () => {
  const made = await create()
  expect(made.status).toBe(202)
  expect(made.headers.get('location')).toBe(`/v1/sessions/${made.body.id}`)
  expect(made.headers.get('preference-applied')).toBe('respond-async')
  expect(made.body).toMatchObject({
    owner: me.id,
    startedBy: me.id,
    projectId: me.projectId,
    providerId: 'fake',
    state: 'requested',
    name: 'Notebook',
    size: 'small',
    parameters: { packages: 'none', threads: 2 },
    resources: { sessions: 1, cpuMilli: 1_000, memoryMib: 1_024, diskMib: 0, gpus: 0 },
    doors: [{ name: 'web', protocol: 'http', modes: ['control', 'view'] }],
    generation: 1,
    cleanupOverdue: false,
  })
  expect(JSON.stringify(made.body)).not.toMatch(/url|secret|operatorDetail/i)
})

test('without a preference the answer comes after 2 s at most, undecided', async () => {
  const begun = Date.now()
  const made = await api.call('POST', '/v1/sessions', { token: me.token, body: { templateId } })
  expect(made.status).toBe(202)
  expect(made.headers.get('preference-applied')).toBeNull()
  expect(Date.now() - begun).toBeGreaterThan(1_800)
  expect(Date.now() - begun).toBeLessThan(15_000)
})

test('an admitted session is 201 as soon as it is decided', async () => {
  const deciding = api.deciding()
  const begun = Date.now()
  const made = await create({ name: 'Mine', parameters: { threads: 8 } }, 'wait=30')
  await deciding.stop()
  expect(made.status).toBe(201)
  expect(made.headers.get('preference-applied')).toBe('wait=30')
  expect(made.headers.get('location')).toBe(`/v1/sessions/${made.body.id}`)
  expect(made.body).toMatchObject({ state: 'provisioning', name: 'Mine', parameters: { threads: 8 } })
  // Nobody waited for the half minute that was allowed.
  expect(Date.now() - begun).toBeLessThan(20_000)
})

test('a used-up quota is 409, and more than a limit ever allows is 403; both say who, what and how much', async () => {
  await limit(1, 2_000)
  const deciding = api.deciding()
  const first = await create({}, 'wait=30')
  const second = await create({}, 'wait=30')
  const large = await create({ size: 'large' }, 'wait=30')
  await deciding.stop()
  expect(first.status).toBe(201)
  expect(second.status).toBe(409)
  expect(second.headers.get('content-type')).toBe('application/problem+json')
  expect(second.body).toMatchObject({
    code: 'quota_exceeded',
    violations: [{ payer: { kind: 'account', id: me.id }, resource: 'sessions', limit: 1, used: 1, requested: 1 }],
  })
  expect(large.status).toBe(403)
  expect(large.body).toMatchObject({ code: 'exceeds_limit', violations: [{ resource: 'cpuMilli', limit: 2_000 }] })
})

test('a session that is to end after the year 9999, as older releases took it, is shown', async () => {
  const { id } = (await create()).body
  const expiresAt = new Date('+010000-01-01T09:59:59Z')
  await api.db.updateTable('session').set({ expires_at: expiresAt }).where('id', '=', id).execute()
  const read = await api.call('GET', `/v1/sessions/${id}`, { token: me.token })
  expect([read.status, read.body.expiresAt]).toEqual([200, expiresAt.toISOString()])
  expect((await api.call('GET', '/v1/sessions', { token: me.token })).body.items).toEqual([read.body])
})

test.each([
  [{ parameters: { threads: 9 } }, 'invalid_request', '/parameters/threads'],
  [{ parameters: { colour: 'red' } }, 'unknown_parameter', '/parameters/colour'],
  [{ size: 'huge' }, 'invalid_request', '/size'],
  [{ size: 'toString' }, 'invalid_request', '/size'],
  [{ expiresAt: '2020-01-01T00:00:00Z' }, 'invalid_request', '/expiresAt'],
  [{ expiresAt: '9999-12-31T23:59:59-00:01' }, 'invalid_request', '/expiresAt'],
  [{ colour: 'red' }, 'invalid_request', '/colour'],
  [{ name: 'a\nb' }, 'invalid_request', '/name'],
  [{ name: 'a\0b' }, 'invalid_request', '/name'],
  [
    { mounts: [{ source: { kind: 'workspace', id: 'w' }, target: '/w', mode: 'ro' }] },
    'invalid_request',
    '/mounts/0/source/kind',
  ],
  [
    { mounts: [{ source: { kind: 'dataset', id: 'd' }, target: '/w', mode: 'rw' }] },
    'invalid_request',
    '/mounts/0/mode',
  ],
  [
    { mounts: [{ source: { kind: 'dataset', id: 'd' }, target: '/w/../x', mode: 'ro' }] },
    'invalid_request',
    '/mounts/0/target',
  ],
  [
    { mounts: [{ source: { kind: 'dataset', id: 'd' }, target: '/w', mode: 'ro' }] },
    'invalid_request',
    '/mounts/0/source',
  ],
])('%j is refused: %s at %s', async (body, code, pointer) => {
  const refused = await create(body)
  expect(refused.status).toBe(422)
  expect(refused.body.code).toBe(code)
  expect(refused.body.errors).toContainEqual({ in: 'body', pointer, message: expect.any(String) as string })
})

test('a template that is not there, and one that is for others, are the same 404; an inactive one is told', async () => {
  const others = await api.template({ visibleTo: [{ kind: 'account', accountId: (await api.person()).id }] })
  const gone = await api.template()
  const admin = await api.person({ roles: ['admin'] })
  expect((await api.call('POST', `/v1/templates/${gone}/deactivate`, { token: admin.token, key: null })).status).toBe(
    200,
  )
  const [absent, hidden, inactive] = [
    await create({ templateId: 't00000000000000' }),
    await create({ templateId: others }),
    await create({ templateId: gone }),
  ]
  expect([absent.status, hidden.status]).toEqual([404, 404])
  expect({ ...hidden.body, requestId: '' }).toEqual({ ...absent.body, requestId: '' })
  expect(inactive.body).toMatchObject({ status: 422, code: 'template_inactive', errors: [{ pointer: '/templateId' }] })
})

test('a template of a kind runs where that kind is in service, and nowhere else', async () => {
  const fitting = await create({ templateId: await api.template({ provider: { kind: 'fake' } }) })
  const unfitting = await create({ templateId: await api.template({ provider: { kind: 'cloud' } }) })
  expect(fitting.body.providerId).toBe('fake')
  expect(unfitting.body).toMatchObject({ status: 422, code: 'provider_unknown' })
})

test('of a class whoever has what is to be mounted is chosen, however busy', async () => {
  const [near, far] = ['near', 'far'] as [ProviderId, ProviderId]
  for (const id of [near, far]) {
    const provider = { id, kind: 'fake', startLimit: 1, networks: [], classes: ['desks'], draining: false }
    const settings = { settings: {}, secrets: null, secretNames: [] }
    await api.db.transaction().execute(async (trx) => await insertProvider(trx, { ...provider, ...settings }))
  }
  await api.db
    .insertInto('storage_source')
    .values({ provider_id: near, kind: 'dataset', id: 'neutrons', modes: ['ro'], host_path: '/srv/neutrons' })
    .execute()
  const asked = {
    templateId: await api.template({ provider: { class: 'desks' } }),
    mounts: [{ source: { kind: 'dataset', id: 'neutrons' }, target: '/data', mode: 'ro' }],
  }
  // Each makes its place busier than the other.
  for (let n = 0; n < 3; n++) expect((await create(asked)).body.providerId).toBe(near)
  await api.db.transaction().execute(async (trx) => await shutProvider(trx, near, 'draining'))
  const refused = await create(asked)
  expect(refused.body).toMatchObject({ status: 422, errors: [{ pointer: '/mounts/0/source' }] })
})

test('only owners and editors of a project start sessions in it', async () => {
  const owner = await api.person()
  const project = (await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'Shared' } })).body.id
  const put = (role: string) =>
    api.call('PUT', `/v1/projects/${project}/members/${me.id}`, {
      token: owner.token,
      body: { role },
      headers: { 'if-match': '*' },
    })
  expect((await create({ projectId: project })).status).toBe(404)
  await put('viewer')
  expect((await create({ projectId: project })).status).toBe(403)
  await put('editor')
  const made = await create({ projectId: project })
  expect(made.status).toBe(202)
  expect(made.body.projectId).toBe(project)
})

test('stop is an intent in every state: 202 while it lives, 200 when it has ended', async () => {
  const { id } = (await create()).body
  const stopped = await api.call('POST', `/v1/sessions/${id}/stop`, { token: me.token, key: null })
  expect(stopped.status).toBe(202)
  expect(stopped.body.stopRequestedAt).not.toBeNull()
  expect((await api.call('DELETE', `/v1/sessions/${id}`, { token: me.token })).status).toBe(202)
  const row = await api.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  expect([row.stop_reason, row.wake_version]).toEqual(['cancelled', 2])

  await api.db
    .updateTable('session')
    .set({ state: 'stopped', reason: 'cancelled', ended_at: new Date() })
    .where('id', '=', id)
    .execute()
  const ended = await api.call('DELETE', `/v1/sessions/${id}`, { token: me.token })
  expect(ended.status).toBe(200)
  expect(ended.body).toMatchObject({
    state: 'stopped',
    reason: 'cancelled',
    reasonText: 'It was cancelled before it began.',
  })
})

test('an operator who stops what is not theirs is named as the reason', async () => {
  const operator = await api.person({ roles: ['operator'] })
  const { id } = (await create()).body
  expect((await api.call('POST', `/v1/sessions/${id}/stop`, { token: operator.token, key: null })).status).toBe(202)
  const row = await api.db.selectFrom('session').select('stop_reason').where('id', '=', id).executeTakeFirstOrThrow()
  expect(row.stop_reason).toBe('admin')
})

test('operators alone read the details of a failure', async () => {
  const operator = await api.person({ roles: ['operator'] })
  const { id } = (await create()).body
  await api.db.updateTable('session').set({ operator_detail: 'exit code 137' }).where('id', '=', id).execute()
  expect((await api.call('GET', `/v1/sessions/${id}`, { token: me.token })).body).not.toHaveProperty('operatorDetail')
  const seen = await api.call('GET', `/v1/sessions/${id}`, { token: operator.token })
  expect(seen.body.operatorDetail).toBe('exit code 137')
})

test('a queued session says where it stands', async () => {
  const ids = [(await create()).body.id, (await create()).body.id]
  for (const [index, id] of ids.entries())
    await api.db
      .updateTable('session')
      .set({ state: 'queued', waiting_for: 'provider_busy', queued_at: new Date(1_000 * index) })
      .where('id', '=', id)
      .execute()
  const second = await api.call('GET', `/v1/sessions/${ids[1]}`, { token: me.token })
  expect(second.body).toMatchObject({ state: 'queued', waitingFor: 'provider_busy', position: 1 })
})

test('what is given in confidence is sealed, and read back by nobody', async () => {
  const secretive = await api.template({ parameters: { key: { type: 'string', secret: true, env: 'KEY' } } })
  const asked = { templateId: secretive, parameters: { key: 'canary-7391' } }
  const made = await create(asked)
  expect(made.status).toBe(202)
  const row = await api.db.selectFrom('session').selectAll().where('id', '=', made.body.id).executeTakeFirstOrThrow()
  const sealed = row.secret_parameters ?? Buffer.alloc(0)
  expect(secrets.decrypt(sessionParameters(row.id), sealed).toString()).toBe('{"key":"canary-7391"}')
  const preview = await api.call('POST', '/v1/session-previews', { token: me.token, body: asked, key: null })
  const tables = ['session', 'session_event', 'audit_event', 'idempotency_key'] as const
  const rows = await Promise.all(tables.map((table) => api.db.selectFrom(table).selectAll().execute()))
  const shown = JSON.stringify([made.body, preview.body, api.logged, rows])
  expect(preview.status).toBe(200)
  expect(shown).not.toContain('canary-7391')
  expect(sealed.includes('canary-7391')).toBe(false)
})
