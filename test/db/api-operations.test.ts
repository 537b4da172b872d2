import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { routes } from '../../api/registry.ts'
import type { Trx } from '../../db/connect.ts'
import { requestErasure } from '../../db/operations.ts'
import { errorCodes } from '../../domain/errors.ts'
import { newId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { Reason, SessionState, WaitingFor } from '../../domain/lifecycle.ts'
import { holding } from '../setup/blocked.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let operator: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  operator = await api.person({ roles: ['operator'] })
  templateId = await api.template()
})
afterAll(() => api.close())

interface Scene {
  readonly state?: SessionState
  readonly reason?: Reason
  readonly state_since?: Date
  readonly cleanup_overdue_at?: Date
  readonly ended_at?: Date
  readonly waiting_for?: WaitingFor
}

/** A session of mine that was brought to this point. */
async function session(scene: Scene = {}): Promise<SessionId> {
  const ask = { token: me.token, body: { templateId }, headers: { prefer: 'respond-async' } }
  const id: SessionId = (await api.call('POST', '/v1/sessions', ask)).body.id
  if (Object.keys(scene).length > 0) await api.db.updateTable('session').set(scene).where('id', '=', id).execute()
  return id
}

const row = (id: SessionId) => api.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
const command = (id: string, name: string, body: object = {}, token = operator.token) =>
  api.call('POST', `/v1/sessions/${id}/${name}`, { token, body: { reason: 'A test.', ...body }, key: null })
const lastAudit = (id: SessionId) =>
  api.db
    .selectFrom('audit_event')
    .selectAll()
    .where('subject_id', '=', id)
    .orderBy('id', 'desc')
    .executeTakeFirstOrThrow()

test('every command of operators asks for a reason', () => {
  const commands = routes.filter((r) => r.right === 'operate:write' || r.right === 'account:erase')
  expect(commands.length).toBeGreaterThan(8)
  expect(commands.filter((r) => !r.reasoned).map((r) => r.operationId)).toEqual([])
})

test.each([{}, { reason: '' }, { reason: '  ' }, { reason: 'x'.repeat(501) }, { reason: 'a\nb' }])(
  '%j is no reason',
  async (body) => {
    const refused = await api.call('POST', `/v1/sessions/${newId('session')}/retry`, { token: operator.token, body })
    expect([refused.status, refused.body.errors[0]?.pointer]).toEqual([422, '/reason'])
  },
)

test('retry wakes the session, and has the breaker tried now where it waits for that', async () => {
  const id = await session({ state: 'queued', waiting_for: 'provider_unavailable' })
  const later = new Date(Date.now() + 300_000)
  await api.db.updateTable('provider_health').set({ state: 'open', retry_at: later }).execute()
  await api.db.updateTable('session').set({ tries: 7, next_try_at: later }).where('id', '=', id).execute()
  const before = await api.call('GET', `/v1/sessions/${id}`, { token: me.token })
  expect(before.body).toMatchObject({ waitingFor: 'provider_unavailable', retryAt: later.toISOString() })

  const retried = await command(id, 'retry')
  expect([retried.status, retried.body.state]).toEqual([202, 'queued'])
  expect(await row(id)).toMatchObject({ tries: 0, wake_version: 2 })
  const health = await api.db.selectFrom('provider_health').selectAll().executeTakeFirstOrThrow()
  expect(health.retry_at?.getTime()).toBeLessThan(later.getTime())
  expect(await lastAudit(id)).toMatchObject({
    action: 'retrySession',
    account_id: operator.id,
    outcome: 'accepted',
    detail: { reason: 'A test.' },
  })
  await api.db.updateTable('provider_health').set({ state: 'closed', retry_at: null }).execute()
})

test('retry moves no breaker for a session that does not wait for it, and is refused at an end', async () => {
  const later = new Date(Date.now() + 300_000)
  await api.db.updateTable('provider_health').set({ state: 'open', retry_at: later }).execute()
  expect((await command(await session({ state: 'ready' }), 'retry')).status).toBe(202)
  const health = await api.db.selectFrom('provider_health').selectAll().executeTakeFirstOrThrow()
  expect(health.retry_at).toEqual(later)
  await api.db.updateTable('provider_health').set({ state: 'closed', retry_at: null }).execute()
  const ended = await session({ state: 'stopped', reason: 'user', ended_at: new Date() })
  expect((await command(ended, 'retry')).body).toMatchObject({ status: 409, code: 'conflict' })
  expect(await lastAudit(ended)).toMatchObject({ outcome: 'refused', code: 'conflict', detail: { reason: 'A test.' } })
})

test('abandon is for an overdue cleanup: recorded once, with its event, and heard again', async () => {
  const id = await session({ state: 'stopping', cleanup_overdue_at: new Date() })
  const given = await command(id, 'abandon')
  expect(given.status).toBe(202)
  expect(given.body.abandonRequestedAt).not.toBeNull()
  const first = await row(id)
  expect(first.wake_version).toBe(2)
  await api.db.updateTable('session').set({ seen_version: 2 }).where('id', '=', id).execute()
  expect((await command(id, 'abandon')).body.abandonRequestedAt).toBe(given.body.abandonRequestedAt)
  expect(await row(id)).toMatchObject({ wake_version: 3, version: first.version, event_seq: first.event_seq })
  const events = await api.call('GET', `/v1/sessions/${id}/events`, { token: me.token })
  expect(events.body.items.filter((e) => e.type === 'session.abandon_requested')).toHaveLength(1)
  expect(events.text).not.toContain('A test.')
  const mine = await api.call('GET', `/v1/sessions/${id}`, { token: me.token })
  for (const field of ['abandonRequestedAt', 'cleanupOverdueAt', 'operatorDetail'])
    expect(mine.body).not.toHaveProperty(field)

  await api.db
    .updateTable('session')
    .set({ state: 'failed', reason: 'abandoned', ended_at: new Date() })
    .where('id', '=', id)
    .execute()
  expect((await command(id, 'abandon')).body).toMatchObject({ state: 'failed', reason: 'abandoned' })
})

test('what is not being stopped, or not for too long, is not given up unless it is forced', async () => {
  const stopping = await session({ state: 'stopping' })
  const refused = await command(stopping, 'abandon')
  expect(refused.body).toMatchObject({ status: 409, code: 'conflict' })
  expect(refused.body.detail).toContain('force')
  expect((await command(stopping, 'abandon', { force: true })).status).toBe(202)
  expect(await lastAudit(stopping)).toMatchObject({ detail: { reason: 'A test.', force: true } })
  const ready = await command(await session({ state: 'ready' }), 'abandon', { force: true })
  expect([ready.status, ready.body.detail]).toEqual([409, expect.stringContaining('is ready')])
  const ended = await session({ state: 'stopped', reason: 'user', ended_at: new Date() })
  expect((await command(ended, 'abandon', { force: true })).status).toBe(409)
})

test('an operator lists sessions by provider, time in their state and overdue cleanup', async () => {
  const hourAgo = new Date(Date.now() - 3_600_000)
  const old = await session({ state: 'provisioning', state_since: hourAgo })
  const overdue = await session({ state: 'stopping', state_since: hourAgo, cleanup_overdue_at: new Date() })
  const list = async (query: string) => {
    const page = await api.call('GET', `/v1/sessions?all=true&limit=200&${query}`, { token: operator.token })
    expect(page.status).toBe(200)
    return page.body.items.map((item): string => item.id)
  }
  expect(await list('olderThanSeconds=3000&state=provisioning')).toEqual([old])
  expect(await list('olderThanSeconds=4000')).toEqual([])
  const late = await list('overdue=true&provider=fake')
  expect(late).toContain(overdue)
  expect(late).not.toContain(old)
  expect(await list('provider=elsewhere')).toEqual([])
  expect((await api.call('GET', '/v1/sessions?olderThanSeconds=-1', { token: me.token })).status).toBe(422)
})

test('an erased account is out at once, its sessions are asked to stop, and repeats change nothing', async () => {
  const admin = await api.person({ roles: ['admin'] })
  const erase = (id: string, token = admin.token) =>
    api.call('POST', `/v1/accounts/${id}/erase`, { token, body: { reason: 'They asked.' }, key: null })
  const person = await api.person()
  const made = await api.call('POST', '/v1/sessions', {
    token: person.token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  const erased = await erase(person.id)
  expect(erased.status).toBe(202)
  expect(erased.body).toMatchObject({ disabledAt: expect.any(String) as string, erasedAt: null })
  expect(erased.body.eraseRequestedAt).not.toBeNull()
  expect((await erase(person.id)).body).toEqual(erased.body)
  expect((await row(made.body.id)).stop_reason).toBe('account_disabled')
  expect((await api.call('GET', '/v1/whoami', { token: person.token })).status).toBe(401)
  const audit = await api.db.selectFrom('audit_event').selectAll().where('subject_id', '=', person.id).execute()
  expect(audit.at(-1)).toMatchObject({ action: 'eraseAccount', outcome: 'accepted', detail: { reason: 'They asked.' } })

  await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '<>', admin.id).execute()
  expect((await erase(admin.id)).body).toMatchObject({ status: 409, code: 'conflict' })
  await api.db.updateTable('account').set({ disabled_at: null }).where('id', 'in', [me.id, operator.id]).execute()
  expect((await erase(me.id, operator.token)).status).toBe(403)
  expect((await api.call('POST', `/v1/accounts/${me.id}/erase`, { body: { reason: 'x' } })).status).toBe(401)
})

test.each([
  ['session', 'sessions', 'forbidden', () => ({ templateId, name: 'Thesis of a person who left' })],
  // What outlasts the request looks once more at what its caller is signed in by.
  ['token', 'tokens', 'unauthenticated', () => ({ name: 'Laptop of a person who left', scopes: ['read'] })],
  ['project', 'projects', 'forbidden', () => ({ name: 'Study of a person who left' })],
] as const)('a new %s that meets the erasure of its account writes nothing into it', async (_, path, code, body) => {
  // erase:  lock account ──────────────────────── erased, commit
  // create:              authenticated ── (waits) ················ refused
  const person = await api.person()
  const before = await written(person)
  const refused = await holding(
    api.db,
    async (trx) => await eraseNow(trx, person),
    async () =>
      await api.call('POST', `/v1/${path}`, {
        token: person.token,
        body: body(),
        headers: { prefer: 'respond-async' },
      }),
  )
  expect(refused.body).toMatchObject({ status: errorCodes[code], code })
  expect(await written(person)).toEqual(before)
})

test('whoever makes a member of an account that is being erased is told that there is none', async () => {
  const [owner, person] = [await api.person(), await api.person()]
  const project = await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'A study' } })
  const path = `/v1/projects/${project.body.id}/members/${person.id}`
  const ask = { token: owner.token, body: { role: 'editor' }, headers: { 'if-match': '*' } }
  const refused = await holding(
    api.db,
    async (trx) => await eraseNow(trx, person),
    async () => await api.call('PUT', path, ask),
  )
  expect(refused.status).toBe(404)
  expect((await written(person)).memberships).toBe(1)
})

async function eraseNow(trx: Trx, person: Person): Promise<void> {
  await requestErasure(trx, person.id)
  await trx.updateTable('account').set({ erased_at: new Date() }).where('id', '=', person.id).execute()
}

/** How much there is of an account. */
async function written({ id }: Person) {
  const count = async (table: 'session' | 'idempotency_key' | 'token' | 'project_member') =>
    (
      await api.db
        .selectFrom(table)
        .selectAll()
        .where(sql.ref(table === 'session' ? 'owner_id' : 'account_id'), '=', id)
        .execute()
    ).length
  return {
    sessions: await count('session'),
    keys: await count('idempotency_key'),
    tokens: await count('token'),
    memberships: await count('project_member'),
  }
}

test('commands on sessions are for operators with the scope for them', async () => {
  const id = await session({ state: 'stopping' })
  const narrow = await api.token(operator.id, ['sessions', 'read'], `narrow-${randomUUID()}`)
  for (const name of ['retry', 'abandon']) {
    expect((await command(id, name, {}, me.token)).status).toBe(403)
    expect((await command(id, name, {}, narrow)).status).toBe(403)
    expect((await api.call('POST', `/v1/sessions/${id}/${name}`, { body: { reason: 'x' } })).status).toBe(401)
    expect((await command(newId('session'), name)).status).toBe(404)
  }
})
