import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFollower, limitSessions, templateId } from './portal.ts'
import { fakeConfiguration, quickTimings } from '../setup/fake-site.ts'
import { clientOf, createSite } from '../setup/site.ts'
import type { Service, Site } from '../setup/site.ts'

let site: Site
let apis: Service[]

beforeAll(async () => {
  site = await createSite({ configuration: fakeConfiguration(20), timings: quickTimings })
  apis = await Promise.all([site.startApi(), site.startApi()])
  await site.startWorker()
})
afterAll(async () => {
  await site?.close()
})

const portal = (n: number, token = site.user.token) => clientOf(apis[n % apis.length]?.url ?? '', token)

test('of 200 who ask at once under a limit of 5, through two apis, 5 are admitted and 195 are told why not', async () => {
  // every one:  insert intent ── workflow ── lock quota ── sum ── decide ── commit
  // the quota row orders them: the sixth to come sees five
  await limitSessions(portal(0, site.admin.token), site.user.accountId, 5)
  const template = await templateId(portal(0))
  const overshoots: number[] = []
  let sampling = true
  let samples = 0
  const sampler = (async () => {
    while (sampling) {
      const rows = await site.db
        .selectFrom('reservation')
        .select((eb) => eb.fn.sum<string>('sessions').as('held'))
        .where('account_id', '=', site.user.accountId)
        .where('released_at', 'is', null)
        .executeTakeFirstOrThrow()
      samples += 1
      if (Number(rows.held ?? 0) > 5) overshoots.push(Number(rows.held))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()

  const began = Date.now()
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      return await portal(n)('POST', '/v1/sessions', { templateId: template }, { 'idempotency-key': randomUUID() })
    }),
  )
  const answered = Date.now() - began
  const byStatus = Object.groupBy(answers, (answer) => String(answer.status))
  expect(Object.keys(byStatus).every((status) => ['201', '202', '409'].includes(status))).toBe(true)

  const follow = createFollower(portal(0))
  const undecided = byStatus['202']?.length ?? 0
  const decisions = await follow.decisions()
  const admitted = decisions.filter(({ state }) => state !== 'rejected').map(({ id }) => id)
  const rejected = decisions.filter(({ state }) => state === 'rejected').length
  const decided = Date.now() - began
  console.log(
    `200 creates answered in ${answered} ms: 201 ${byStatus['201']?.length ?? 0}, 202 ${undecided}, 409 ${byStatus['409']?.length ?? 0}; all decided after ${decided} ms`,
  )
  expect(admitted).toHaveLength(5)
  expect(rejected).toBe(195)
  const told = await portal(0)(
    'POST',
    '/v1/sessions',
    { templateId: template },
    { 'idempotency-key': randomUUID(), prefer: 'wait=30' },
  )
  expect(told.status).toBe(409)
  expect(told.body).toMatchObject({
    code: 'quota_exceeded',
    violations: [
      { payer: { kind: 'account', id: site.user.accountId }, resource: 'sessions', limit: 5, used: 5, requested: 1 },
    ],
  })

  await Promise.all(admitted.map(async (id) => await portal(1)('DELETE', `/v1/sessions/${id}`)))
  for (const id of admitted) expect((await follow.end(id)).state).toBe('stopped')
  sampling = false
  await sampler
  expect(samples).toBeGreaterThan(20)
  expect(overshoots).toEqual([])
  const left = await site.db.selectFrom('reservation').selectAll().where('released_at', 'is', null).execute()
  expect(left).toEqual([])
})

test('300 parallel repeats of one key make one session and tell all the same', async () => {
  const template = await templateId(portal(0))
  const key = randomUUID()
  const answers = await Promise.all(
    Array.from({ length: 300 }, async (_, n) => {
      const headers = { 'idempotency-key': key, prefer: 'wait=30' }
      return await portal(n)('POST', '/v1/sessions', { templateId: template, name: 'one' }, headers)
    }),
  )
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]))
  expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1)
  const rows = await site.db.selectFrom('session').select('id').where('name', '=', 'one').execute()
  expect(rows).toHaveLength(1)
  const other = await portal(0)(
    'POST',
    '/v1/sessions',
    { templateId: template, name: 'two' },
    { 'idempotency-key': key },
  )
  expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } })
  const id = String(answers[0]?.body['id'])
  await portal(0)('DELETE', `/v1/sessions/${id}`)
  expect((await createFollower(portal(0)).end(id)).state).toBe('stopped')
})
