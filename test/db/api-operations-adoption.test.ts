import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createComputeActivities } from '../../activities/compute.ts'
import type { Trx } from '../../db/connect.ts'
import { readKnown } from '../../db/survey.ts'
import { instanceName, newId } from '../../domain/ids.ts'
import type { ProviderId, SessionId, TemplateId } from '../../domain/ids.ts'
import type { SessionState } from '../../domain/lifecycle.ts'
import { findDrift } from '../../domain/reconciliation.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { locator } from '../../platform/target.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { plainSecrets } from '../setup/plain-secrets.ts'
import { secrets, startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { holding } from '../setup/blocked.ts'

let api: TestApi
let me: Person
let operator: Person
let templateId: string
const fake = 'fake' as ProviderId

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  operator = await api.person({ roles: ['operator'] })
  templateId = await api.template()
})
afterAll(() => api.close())

const path = '/v1/admin/reconciliations/adopt'
const adopt = (instance: string, over: object = {}, token = operator.token) =>
  api.call('POST', path, {
    token,
    body: { provider: 'fake', instance, dryRun: false, reason: 'After the restore.', ...over },
    key: null,
  })
const instances = (id: SessionId) => api.db.selectFrom('instance').selectAll().where('session_id', '=', id).execute()
const row = (id: SessionId) => api.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

/** What a scheduled survey keeps of an instance that no row knows of. */
async function seen(id: SessionId, generation = 1, provider: ProviderId = fake): Promise<string> {
  const subject = instanceName(id, generation)
  await api.db.insertInto('drift').values({ provider_id: provider, kind: 'unknown_instance', subject }).execute()
  return subject
}

/** A session as an older dump has it: it waits, and its instance was made after the dump. */
async function restored(state: SessionState = 'queued'): Promise<SessionId> {
  const ask = { token: me.token, body: { templateId }, headers: { prefer: 'respond-async' } }
  const id: SessionId = (await api.call('POST', '/v1/sessions', ask)).body.id
  await api.db
    .updateTable('session')
    .set({ state, ...(state === 'failed' ? { reason: 'internal', ended_at: new Date() } : {}) })
    .where('id', '=', id)
    .execute()
  return id
}

test('an instance whose session waits for one is unknown until it is adopted, and the start goes on with it', async () => {
  // dump: queued ── (lost: dispatched, made) ── restored: queued ── adopted ── dispatched, found by its name
  const id = await restored()
  const name = instanceName(id, 1)
  const listed = [{ name, sessionId: id, generation: 1 }]
  const drifts = async () => {
    const known = (await readKnown(api.db, fake, [id])).map((k) => ({ ...k, workflow: 'running' as const }))
    const found = findDrift({ listedAt: 0, listed, known, unknownWorkflows: [], queueNotServed: false })
    return found.map((drift) => `${drift.kind} ${drift.subject}`)
  }
  expect(await drifts()).toEqual([`unknown_instance ${name}`])
  await seen(id)

  const trial = await adopt(name, { dryRun: true })
  expect([trial.status, trial.body]).toEqual([200, { instance: name, sessionId: id, generation: 1, adopted: false }])
  expect(await instances(id)).toEqual([])

  const before = (await row(id)).wake_version
  const adopted = await adopt(name)
  expect([adopted.status, adopted.body]).toEqual([200, { instance: name, sessionId: id, generation: 1, adopted: true }])
  const [made] = await instances(id)
  expect(made).toMatchObject({ name, provider_id: 'fake', generation: 1, tombstoned_at: null, removed_at: null })
  expect((await row(id)).wake_version).toBe(before + 1)
  expect(await drifts()).toEqual([])
  expect((await adopt(name)).body).toEqual(adopted.body)
  expect(await instances(id)).toEqual([made])

  const provider = createFakeProvider()
  const { createInstance } = createComputeActivities({
    db: api.db,
    providerId: fake,
    provider: {
      ...provider,
      create: async ({ name: n, deploymentId }) => ({ kind: 'adopted', ref: { name: n, deploymentId } }),
    },
    locate: locator([]),
    secrets: {
      ...plainSecrets,
      mint: () => Buffer.from('another'),
      open: (key, sealed) =>
        secrets
          .decrypt({ table: 'instance', column: 'secret', id: `${key.sessionId}/${key.generation}` }, sealed)
          .toString(),
    },
    timings: defaultTimings,
    stopping: new AbortController().signal,
  })
  expect(await new MockActivityEnvironment().run(createInstance, { sessionId: id, generation: 1 })).toEqual({
    kind: 'created',
  })
  expect((await instances(id))[0]?.secret).toEqual(made?.secret)
  await provider.close()

  const audit = await api.db.selectFrom('audit_event').selectAll().where('action', '=', 'adoptInstance').execute()
  expect(audit[1]).toMatchObject({
    outcome: 'accepted',
    subject_kind: 'session',
    subject_id: id,
    detail: { provider: 'fake', instance: name, dryRun: false, reason: 'After the restore.' },
  })
})

test('an instance whose row a start writes in the moment of its adoption is adopted, with the secret of the start', async () => {
  // start:  insert instance ── (held) ── commit
  // adopt:         insert (waits) ············· it is there already
  const id = await restored('provisioning')
  const name = await seen(id)
  const begin = (trx: Trx) =>
    trx
      .insertInto('instance')
      .values({ session_id: id, generation: 1, provider_id: fake, name, secret: Buffer.from('of the start') })
      .execute()
  const adopted = await holding(api.db, begin, () => adopt(name))
  expect([adopted.status, adopted.body]).toEqual([200, { instance: name, sessionId: id, generation: 1, adopted: true }])
  expect(await instances(id)).toMatchObject([{ secret: Buffer.from('of the start') }])
})

test('a session that has no row is not made again from labels: they do not say whose it was', async () => {
  const name = await seen(newId('session'))
  for (const dryRun of [true, false]) {
    const refused = await adopt(name, { dryRun })
    expect(refused.body).toMatchObject({ status: 409, code: 'conflict' })
    expect(refused.body.detail).toMatch(/no row any more.*`remove` it by name/)
  }
})

test.each<[string, () => Promise<string>, RegExp]>([
  ['that no survey has seen', async () => instanceName(await restored(), 1), /no such instance/],
  ['whose name says nothing', async () => 'nginx', /no such instance/],
  ['of a later generation', async () => await seen(await restored(), 2), /in generation 1/],
  ['of a session that has ended', async () => await seen(await restored('failed')), /ending, or has ended/],
  ['of a session that is stopping', async () => await seen(await restored('stopping')), /ending, or has ended/],
  ['of a session that is not admitted', async () => await seen(await restored('requested')), /is requested/],
  ['of a session that stands on something', async () => await seen(await restored('ready')), /is ready/],
  [
    'of a session that is to stop',
    async () => {
      const id = await restored()
      await api.call('DELETE', `/v1/sessions/${id}`, { token: me.token })
      return await seen(id)
    },
    /ending, or has ended/,
  ],
  [
    'of a session at another provider',
    async () => {
      const id = await restored()
      const elsewhere = 'elsewhere' as ProviderId
      await api.db
        .insertInto('provider')
        .values({ id: elsewhere, kind: 'fake', origin: 'api', start_limit: 1 })
        .execute()
      await api.db.updateTable('session').set({ provider_id: elsewhere }).where('id', '=', id).execute()
      return await seen(id)
    },
    /at the provider elsewhere/,
  ],
  [
    'whose template has it report its ports',
    async () => {
      const id = await restored()
      // The api told it as text.
      const reporting = (await api.template({ reportedPorts: { from: 20_000, to: 20_999 } })) as TemplateId
      await api.db.updateTable('session').set({ template_id: reporting }).where('id', '=', id).execute()
      return await seen(id)
    },
    /token that this one reports with was lost.*`remove` it by name/,
  ],
  [
    'that is to go',
    async () => {
      const id = await restored()
      const values = { session_id: id, generation: 1, provider_id: fake, name: instanceName(id, 1) }
      await api.db
        .insertInto('instance')
        .values({ ...values, secret: Buffer.alloc(0), tombstoned_at: new Date() })
        .execute()
      return await seen(id)
    },
    /none of this name/,
  ],
])('an instance %s is not adopted, and the answer says why', async (_, make, why) => {
  const name = await make()
  const before = await api.db.selectFrom('instance').selectAll().where('name', '=', name).execute()
  const refused = await adopt(name)
  expect([refused.status, refused.body.code]).toEqual([409, 'conflict'])
  expect(refused.body.detail).toMatch(why)
  expect(await api.db.selectFrom('instance').selectAll().where('name', '=', name).execute()).toEqual(before)
  const audit = api.db.selectFrom('audit_event').select(['outcome', 'code']).where('action', '=', 'adoptInstance')
  expect(await audit.orderBy('id', 'desc').executeTakeFirst()).toEqual({ outcome: 'refused', code: 'conflict' })
})

test('a disarmed installation adopts nothing: it may be a copy', async () => {
  const name = await seen(await restored())
  await api.db.updateTable('installation').set({ disarmed_at: new Date(), disarmed_reason: 'restored' }).execute()
  expect((await adopt(name)).body).toMatchObject({
    status: 409,
    detail: expect.stringContaining('Arm it first') as string,
  })
  await api.db.updateTable('installation').set({ disarmed_at: null, disarmed_reason: null }).execute()
  expect((await adopt(name)).status).toBe(200)
})

test('of two who adopt at once one writes the row', async () => {
  const id = await restored()
  const name = await seen(id)
  const answers = await Promise.all(Array.from({ length: 5 }, () => adopt(name)))
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200])
  expect(await instances(id)).toHaveLength(1)
})

test('adopting is for operators who say why, at a provider that there is', async () => {
  const name = await seen(await restored())
  expect((await adopt(name, {}, me.token)).status).toBe(403)
  expect((await adopt(name, { reason: '' })).status).toBe(422)
  expect((await adopt('a b')).body.errors[0]?.pointer).toBe('/instance')
  expect((await adopt(name, { provider: 'nowhere' })).status).toBe(404)
  expect((await api.call('POST', path, { body: {}, key: null })).status).toBe(401)
})
