import pg from 'pg'
import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connect } from '../../db/connect.ts'
import { keptSessions } from '../../db/kept-sessions.ts'
import { callApp, startApi } from '../setup/api.ts'
import type { AnyId, Person, TestApi } from '../setup/api.ts'

// Sessions are kept as they were read: whatever is answered must be what an api that has kept nothing answers.

let api: TestApi
let me: Person
let operator: Person
let templateId: string
const ids: AnyId[] = []

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  operator = await api.person({ roles: ['operator'] })
  templateId = await api.template()
  for (let n = 0; n < 3; n++) ids.push(await create())
})
afterAll(() => api.close())

async function create(): Promise<AnyId> {
  const headers = { prefer: 'respond-async' }
  return (await api.call('POST', '/v1/sessions', { token: me.token, body: { templateId }, headers })).body.id
}

const set = async (assignments: string, id = ids[1]) =>
  await api.db.executeQuery(CompiledQuery.raw(`update session set ${assignments} where id = $1`, [id]))

/** The list, and one of it, as its owner and as an operator are answered. */
async function answers(app = api.app): Promise<string[]> {
  const asks = [
    ['/v1/sessions', me],
    ['/v1/sessions?all=true', operator],
    ['/v1/sessions?state=ready,queued&limit=1', me],
    [`/v1/sessions/${ids[1]}`, me],
    [`/v1/sessions/${ids[1]}`, operator],
  ] as const
  const texts: string[] = []
  for (const [path, { token }] of asks) {
    const { status, text } = await callApp(app, 'GET', path, { token })
    expect(status).toBe(200)
    texts.push(text)
  }
  return texts
}

async function answersOfAnother(): Promise<string[]> {
  const db = connect({ url: api.url, poolSize: 1 })
  try {
    return await answers(api.another({}, db))
  } finally {
    await db.destroy()
  }
}

const provider = (to: string) => sql`update provider_health set ${sql.raw(to)} where provider_id = 'fake'`

test.each([
  ['nothing', () => undefined],
  ['its name', () => set(`name = 'another'`)],
  ['its parameters', () => set(`parameters = '{"threads": 3}'`)],
  ['its state', () => set(`state = 'queued', queued_at = now(), waiting_for = 'provider_unavailable'`)],
  [`its provider's next try`, () => provider(`state = 'open', retry_at = now() + interval '1 minute'`).execute(api.db)],
  [`its provider's next try, again`, () => provider(`retry_at = now() + interval '2 minutes'`).execute(api.db)],
  ['that its provider is back', () => provider(`state = 'closed', retry_at = null`).execute(api.db)],
  ['that it is ready', () => set(`state = 'ready', ready_at = now(), lifetime_ends_at = now() + interval '1 hour'`)],
  ['that it does not work', () => set(`degraded_at = now(), degraded_reason = 'door_unreachable'`)],
  ['what operators read', () => set(`operator_detail = 'bad'`)],
  ['that it is to stop', () => set(`stop_requested_at = now(), stop_reason = 'user', cleanup_overdue_at = now()`)],
  ['its owner', async () => await set(`owner_id = '${operator.id}'`)],
  [
    'twice in one transaction, of which the second is undone',
    async () =>
      await api.db.transaction().execute(async (trx) => {
        await sql`update session set name = 'first' where id = ${ids[1]}`.execute(trx)
        await sql`savepoint before`.execute(trx)
        await sql`update session set name = 'second' where id = ${ids[1]}`.execute(trx)
        // What is not there yet for others is not answered.
        expect((await answers())[3]).toContain('"name":"another"')
        await sql`rollback to savepoint before`.execute(trx)
      }),
  ],
])('what changed is answered at once: %s', async (_what, change) => {
  await answers()
  await change()
  const wanted = await answersOfAnother()
  expect(await answers()).toEqual(wanted)
  // From what is kept now.
  expect(await answers()).toEqual(wanted)
})

test('what is kept is told to nobody who may not see it any more', async () => {
  const id = await create()
  const path = `/v1/sessions/${id}`
  const guest = await api.person()
  const listed = async ({ token }: Person) =>
    (await api.call('GET', '/v1/sessions', { token })).body.items.map((one) => one.id)
  const status = async ({ token }: Person) => (await api.call('GET', path, { token })).status
  expect([await status(me), await status(guest)]).toEqual([200, 404])
  const member = { project_id: me.projectId, account_id: guest.id, role: 'viewer' as const }
  await api.db.insertInto('project_member').values(member).execute()
  expect([await status(guest), (await listed(guest)).includes(id)]).toEqual([200, true])
  await api.db.deleteFrom('project_member').where('account_id', '=', guest.id).where('role', '=', 'viewer').execute()
  expect([await status(guest), (await listed(guest)).includes(id)]).toEqual([404, false])

  const token = await api.token(me.id)
  expect(await status({ ...me, token })).toBe(200)
  await sql`update token set revoked_at = now() where id = (select max(id) from token where account_id = ${me.id})`.execute(
    api.db,
  )
  expect([await status({ ...me, token }), await status(me)]).toEqual([401, 200])

  await sql`delete from session_event where session_id = ${id}`.execute(api.db)
  await sql`delete from session where id = ${id}`.execute(api.db)
  expect([await status(me), (await listed(me)).includes(id)]).toEqual([404, false])
})

test('a page is of one moment, also when a session of it changes while it is read', async () => {
  // Versions are read:  s1 s2 ready      all is read:  s2 stopped is no more among them
  //                             └─ s2 changed, is read: stopped ─┘
  const [one, two] = [await create(), await create()]
  const ready = async () =>
    (await api.call('GET', '/v1/sessions?state=ready', { token: me.token })).body.items.map((item) => item.id)
  await set(`state = 'ready'`, one)
  expect(await ready()).toContain(one)
  await set(`state = 'ready'`, two)
  // The method is called on the client that the spy passes on.
  // oxlint-disable-next-line typescript/unbound-method
  const { query } = pg.Client.prototype
  let stopped = false
  const sent = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...all: unknown[]) {
    const send = (): unknown => Reflect.apply(query, this, all)
    if (stopped || !JSON.stringify(all).includes('where s.id = any(')) return send()
    stopped = true
    return set(`state = 'stopped', reason = 'user', ended_at = now()`, two).then(send)
  })
  try {
    const page = await ready()
    expect(stopped).toBe(true)
    expect([page.includes(one), page.includes(two)]).toEqual([true, false])
  } finally {
    sent.mockRestore()
  }
})

test('of what a transaction reads nothing is kept', async () => {
  await api.db.transaction().execute(async (trx) => expect(() => keptSessions(trx)).toThrow(/transaction/))
})
