import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { concludeReconciliation } from '../../db/reconciliation.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId, ReconciliationId } from '../../domain/ids.ts'
import type { ReconciliationReport } from '../../domain/reconciliation.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let operator: Person
const fake = 'fake' as ProviderId

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  operator = await api.person({ roles: ['operator'] })
})
afterAll(() => api.close())

const path = '/v1/admin/reconciliations'
const ask = (body: object, prefer = 'respond-async', key: string = randomUUID(), token = operator.token) =>
  api.call('POST', path, { token, body: { provider: 'fake', reason: 'To see.', ...body }, key, headers: { prefer } })
const get = (rest: string, token = operator.token) => api.call('GET', `${path}${rest}`, { token })
const arm = (body: object, token = operator.token) =>
  api.call('POST', `${path}/arm`, { token, body: { reason: 'Looked at it.', ...body }, key: null })
const rowOf = (id: ReconciliationId) =>
  api.db.selectFrom('reconciliation').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

const report: ReconciliationReport = {
  listed: 2,
  drifts: [{ kind: 'unknown_instance', subject: 'carrel-s1-1', sessionId: 's1', generation: 1, certain: false }],
  actions: [{ do: 'removeUnknown', name: 'carrel-s1-1', sessionId: 's1', generation: 1 }],
  withheld: null,
  failed: [],
}
/** Ends it as a worker would. */
async function conclude(id: ReconciliationId): Promise<void> {
  await api.db
    .updateTable('reconciliation')
    .set({ report: JSON.stringify(report) })
    .where('id', '=', id)
    .execute()
  await concludeReconciliation(api.db, { id, providerId: fake }, 'done', [])
}

test('one that ends while its caller waits is answered with its report', async () => {
  const key = randomUUID()
  const waiting = ask({ dryRun: false, remove: ['carrel-s1-1', 'carrel-s1-1'] }, 'wait=30', key)
  const asked = await expect
    .poll(() => api.db.selectFrom('reconciliation').selectAll().where('dry_run', '=', false).executeTakeFirst())
    .toMatchObject({ provider_id: 'fake', requested_by: operator.id, remove_names: ['carrel-s1-1'], started_at: null })
    .then(() => api.db.selectFrom('reconciliation').select('id').where('dry_run', '=', false).executeTakeFirstOrThrow())
  await conclude(asked.id)
  const answer = await waiting
  expect(answer.status).toBe(201)
  expect(answer.headers.get('location')).toBe(`${path}/${asked.id}`)
  expect(answer.headers.get('preference-applied')).toBe('wait=30')
  expect(answer.body).toMatchObject({
    id: asked.id,
    provider: 'fake',
    requestedBy: operator.id,
    dryRun: false,
    remove: ['carrel-s1-1'],
    outcome: 'done',
    report,
  })
  expect((await get(`/${asked.id}`)).body).toEqual(answer.body)
  const again = await ask({ dryRun: false, remove: ['carrel-s1-1', 'carrel-s1-1'] }, 'wait=0', key)
  expect([again.status, again.body]).toEqual([201, answer.body])
  expect((await ask({ dryRun: false }, 'wait=0', key)).body.code).toBe('idempotency_key_reused')
  const audit = await api.db.selectFrom('audit_event').selectAll().where('subject_id', '=', asked.id).execute()
  expect(audit).toMatchObject([
    { action: 'startReconciliation', outcome: 'accepted', detail: { reason: 'To see.' } },
    { action: 'getReconciliation', outcome: 'accepted', subject_kind: 'reconciliation' },
  ])
})

test('left to itself it changes nothing, and who does not wait is told where to look', async () => {
  const asked = await ask({})
  expect(asked.status).toBe(202)
  expect(asked.body).toMatchObject({ dryRun: true, remove: [], startedAt: null, endedAt: null, outcome: null })
  expect(asked.body.report).toBeNull()
  expect((await rowOf(asked.body.id)).dry_run).toBe(true)
})

test.each([
  [{ remove: ['carrel-s1-1'] }, 422, '/remove'],
  [{ dryRun: false, remove: ['a b'] }, 422, '/remove/0'],
  [{ provider: 'nowhere' }, 404, '/provider'],
  [{ reason: '' }, 422, '/reason'],
  [{ force: true }, 422, '/force'],
])('%j is no reconciliation', async (body, status, pointer) => {
  const refused = await ask(body)
  expect([refused.status, refused.body.errors[0]?.pointer]).toEqual([status, pointer])
})

test('they are listed newest first, the scheduled ones too, by provider and outcome', async () => {
  const id = newId('reconciliation')
  const scheduled = { id, provider_id: fake, requested_by: null, dry_run: false }
  await api.db.insertInto('reconciliation').values(scheduled).execute()
  await conclude(id)
  const all = await get('?provider=fake')
  expect(all.body.items[0]).toMatchObject({ id, requestedBy: null })
  expect(all.body.items.length).toBeGreaterThan(1)
  const done = await get('?outcome=done&limit=1')
  expect(done.body.items.map((r) => r.id)).toEqual([id])
  const rest = await get(`?outcome=done&limit=1&cursor=${done.body.nextCursor}`)
  expect(rest.body).toMatchObject({ items: [{ outcome: 'done', requestedBy: operator.id }], nextCursor: null })
  expect((await get('?provider=nowhere')).body.items).toEqual([])
  expect((await get('?outcome=fine')).status).toBe(422)
})

test('a disarmed sweep shows, and an operator who looked arms it: it may remove what it withheld', async () => {
  expect((await arm({ provider: 'fake' })).body).toMatchObject({ status: 409, code: 'conflict' })
  await api.db.updateTable('sweep').set({ disarmed_at: new Date(), withheld: 7 }).execute()
  const status = await api.call('GET', '/v1/status')
  expect(status.body.state).toBe('degraded')
  expect(status.body.dependencies).toContainEqual(expect.objectContaining({ name: 'sweep/fake', state: 'degraded' }))
  const armed = await arm({ provider: 'fake' })
  expect([armed.status, armed.body]).toEqual([200, { armed: true }])
  const sweep = await api.db.selectFrom('sweep').selectAll().executeTakeFirstOrThrow()
  expect(sweep).toMatchObject({ disarmed_at: null, withheld: null, allowance: 7 })
  expect((await arm({ provider: 'nowhere' })).status).toBe(404)
  const audit = await api.db
    .selectFrom('audit_event')
    .select(['outcome', 'subject_kind', 'subject_id', 'detail'])
    .where('action', '=', 'armReconciliation')
    .orderBy('id')
    .limit(3)
    .execute()
  expect(audit.map((a) => a.outcome)).toEqual(['refused', 'accepted', 'refused'])
  expect(audit.map((a) => [a.subject_kind, a.subject_id])).toEqual(
    ['fake', 'fake', 'nowhere'].map((id) => ['provider', id]),
  )
  for (const { detail, subject_id: provider } of audit) expect(detail).toEqual({ provider, reason: 'Looked at it.' })
})

test('the audit keeps what was to be done, also where it was refused', async () => {
  const asked = { dryRun: false, remove: ['carrel-s9-1'], reason: 'Seen by hand.' }
  const { id } = (await ask(asked)).body
  await ask({ ...asked, provider: 'nowhere' })
  await ask({ ...asked, dryRun: true })
  const audit = await api.db
    .selectFrom('audit_event')
    .select(['outcome', 'subject_kind', 'subject_id', 'detail'])
    .where('action', '=', 'startReconciliation')
    .orderBy('id', 'desc')
    .limit(3)
    .execute()
  const refused = { outcome: 'refused', subject_kind: 'provider' }
  expect(audit.reverse()).toEqual([
    { outcome: 'accepted', subject_kind: 'reconciliation', subject_id: id, detail: { ...asked, provider: 'fake' } },
    { ...refused, subject_id: 'nowhere', detail: { ...asked, provider: 'nowhere' } },
    { ...refused, subject_id: 'fake', detail: { ...asked, provider: 'fake', dryRun: true } },
  ])
})

test('a disarmed installation shows, and is armed with a further epoch', async () => {
  expect((await arm({})).status).toBe(409)
  const before = await api.db
    .updateTable('installation')
    .set({ disarmed_at: new Date(), disarmed_reason: 'copied', disarmed_epoch: 4 })
    .returning('epoch')
    .executeTakeFirstOrThrow()
  const shown = (await api.call('GET', '/v1/status')).body
  expect(shown.dependencies).toContainEqual(expect.objectContaining({ name: 'installation', state: 'degraded' }))
  expect(JSON.stringify(shown)).not.toContain('copied')
  expect((await arm({})).status).toBe(200)
  const after = await api.db.selectFrom('installation').selectAll().executeTakeFirstOrThrow()
  expect(after.disarmed_at).toBeNull()
  expect(after.epoch).toBeGreaterThan(before.epoch)
})

test('gauges tell of all of it', async () => {
  const wish = { body: { templateId: await api.template() }, headers: { prefer: 'respond-async' } }
  expect((await api.call('POST', '/v1/sessions', { token: me.token, ...wish })).status).toBe(202)
  await api.db
    .updateTable('session')
    .set({ requested_at: new Date(0), state_since: new Date(0) })
    .execute()
  await api.db
    .updateTable('sweep')
    .set({ disarmed_at: new Date(), withheld: 7, last_whole_at: new Date(0) })
    .execute()
  await api.db.insertInto('drift').values({ provider_id: fake, kind: 'orphan_instance', subject: 'n' }).execute()
  await api.db
    .updateTable('installation')
    .set({
      disarmed_at: new Date(),
      disarmed_reason: 'restored',
      maintenance_since: new Date(),
      maintenance_text: 'x',
    })
    .execute()
  const { text } = await api.call('GET', '/metrics', { token: operator.token })
  const value = (name: string) =>
    Number(
      text
        .split('\n')
        .find((l) => l.startsWith(`carrel_${name}`))
        ?.split(' ')
        .at(-1),
    )
  expect(value('installation_disarmed{')).toBe(1)
  expect(value('maintenance{')).toBe(1)
  expect(value('sweep_disarmed{provider="fake"')).toBe(1)
  expect(value('sweep_age_seconds{provider="fake"')).toBeGreaterThan(1e9)
  expect(value('drift{provider="fake",kind="orphan_instance"')).toBe(1)
  expect(value('drift{provider="fake",kind="unknown_workflow"')).toBe(0)
  expect(value('oldest_in_state_seconds{state="requested"')).toBeGreaterThan(1e9)
  expect(value('oldest_in_state_seconds{state="ready"')).toBe(0)
  // It is undecided because that is meant.
  expect(value('decision_overdue{')).toBe(0)
  await api.db.updateTable('installation').set({ maintenance_since: null, maintenance_text: null }).execute()
  const later = (await api.call('GET', '/metrics', { token: operator.token })).text
  expect(later).toMatch(/carrel_decision_overdue\{[^}]*\} 1/)
  // Of what is out of service nothing is told, or it would alarm for ever.
  await api.db.updateTable('provider').set({ disabled_at: new Date() }).execute()
  const without = (await api.call('GET', '/metrics', { token: operator.token })).text
  expect(without).not.toContain('provider="fake"')
  expect(without).toContain('carrel_sessions{')
  await api.db.updateTable('provider').set({ disabled_at: null }).execute()
})

test('what the rows do not say now is not told, and the figures of the process still are', async () => {
  const scrape = async () => (await api.call('GET', '/metrics', { token: operator.token })).text
  const told = ['carrel_sessions{', 'carrel_decision_overdue{', 'carrel_provider_breaker_open{']
  const before = await scrape()
  for (const name of told) expect(before).toContain(name)
  await sql`alter table drift rename to drift_away`.execute(api.db)
  const during = await scrape()
  for (const name of told) expect(during).not.toContain(name)
  expect(during).toContain('carrel_http_request_seconds_count{')
  await sql`alter table drift_away rename to drift`.execute(api.db)
  expect(await scrape()).toContain('carrel_decision_overdue{')
})

test('reconciliations are for operators', async () => {
  const { id } = (await ask({})).body
  for (const rest of ['', `/${id}`]) {
    expect((await get(rest, me.token)).status).toBe(403)
    expect((await api.call('GET', `${path}${rest}`)).status).toBe(401)
  }
  expect((await get(`/${newId('reconciliation')}`)).status).toBe(404)
  expect((await ask({}, 'respond-async', randomUUID(), me.token)).status).toBe(403)
  expect((await arm({}, me.token)).status).toBe(403)
  for (const rest of ['', '/arm'])
    expect((await api.call('POST', `${path}${rest}`, { body: { provider: 'fake', reason: 'x' } })).status).toBe(401)
})
