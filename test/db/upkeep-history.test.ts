import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { toStopping, endSession } from '../../db/endings.ts'
import { deleteSessions, pruneEvents, pruneSessions } from '../../db/retention.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { startApi } from '../setup/api.ts'
import type { Answer, Body, Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let templateId: string
beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  templateId = await api.template()
})
afterAll(async () => await api.close())

let old: SessionId
let young: SessionId
let kept: Body[]
beforeEach(async () => {
  old = await lived()
  young = await lived()
  kept = (await get(`/v1/sessions/${old}/events`)).body.items
})

async function lived(): Promise<SessionId> {
  const made = await api.call('POST', '/v1/sessions', {
    token: me.token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  const key: SessionKey = { sessionId: made.body.id, generation: 1 }
  await api.decide(key.sessionId)
  await toStopping(api.db, key, 'user')
  await endSession(api.db, key)
  await expect.poll(inFeed, { timeout: 30_000 }).toBe(true)
  return key.sessionId
}

/** The feed shows nothing that an older transaction might still precede, also one of another database of this server. */
async function inFeed(): Promise<boolean> {
  const { rows } = await sql`
    select from session_event where xid >= pg_snapshot_xmin(pg_current_snapshot()) limit 1`.execute(api.db)
  return rows.length === 0
}

const get = async (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  await api.call('GET', path, { token: me.token, headers })
const stream = { accept: 'text/event-stream' }
const seqs = (answer: Answer): number[] => answer.body.items.map((event) => event.seq)

async function prune(id: SessionId, rules = [pruneEvents, pruneSessions]): Promise<void> {
  await api.db
    .updateTable('session')
    .set({ ended_at: sql<Date>`now() - interval '91 days'` })
    .where('id', '=', id)
    .execute()
  for (const rule of rules) await rule(api.db, 90)
}

test('a history begins with what is kept of it; to go on from before that is gone, never a hole', async () => {
  await prune(old)
  const path = `/v1/sessions/${old}/events`
  const left = await get(path)
  expect(left.body.items).toEqual([kept.at(-1)])

  // From the event just before the first that is kept nothing is missing.
  expect(seqs(await get(`${path}?after=${kept.at(-2)!.id}`))).toEqual([kept.length])
  expect((await get(path, { ...stream, 'last-event-id': kept.at(-1)!.id })).status).toBe(204)
  for (const headers of [{}, stream]) {
    const gone = await get(path, { ...headers, 'last-event-id': kept[0]!.id })
    expect([gone.status, gone.body.code]).toEqual([410, 'gone'])
  }
  const whole = await get(path, stream)
  expect(whole.text.match(/^event: .*/gm)).toEqual(['event: session.state', 'event: end'])
  expect(seqs(await get(`/v1/sessions/${young}/events`))).toEqual(kept.map((event) => event.seq))
})

test('the feed begins where it is whole, goes on from there, and says so to who comes from before', async () => {
  const all = (await get('/v1/events?limit=200')).body.items
  const ofOld = all.filter((event) => event.sessionId === old)
  await prune(old)

  const begins = await get('/v1/events?limit=1')
  expect(begins.body.items[0]).toMatchObject({ sessionId: old, seq: kept.length })
  const rest = await get(`/v1/events?after=${begins.body.nextCursor}`)
  expect([rest.status, ...rest.body.items.map((event) => event.sessionId)]).toEqual([200, ...kept.map(() => young)])

  for (const before of [all[0], ofOld[0], ofOld.at(-3)]) {
    const gone = await get(`/v1/events?after=${before!.id}`)
    expect([gone.status, gone.body.code]).toEqual([410, 'gone'])
  }
  // The last that is gone is the first place from which nothing is missing.
  expect((await get(`/v1/events?after=${ofOld.at(-2)!.id}`)).body.items[0]).toEqual(ofOld.at(-1))
  expect((await get(`/v1/events?after=${ofOld[0]!.id}`, stream)).status).toBe(410)
})

test('with every session gone the feed still has an end to go on from', async () => {
  for (const id of [old, young]) await prune(id)
  await api.db
    .updateTable('session')
    .set({ ended_at: sql<Date>`now() - interval '91 days'` })
    .execute()
  for (const rule of [pruneEvents, pruneSessions, deleteSessions]) await rule(api.db, 90)
  expect((await get(`/v1/sessions/${old}/events`)).status).toBe(404)
  expect(await api.db.selectFrom('session_event').select('seq').execute()).toEqual([])
  expect((await get('/v1/events')).body.items).toEqual([])
  const answer = await api.app.app.request('/v1/events?after=now', {
    headers: { authorization: `Bearer ${me.token}`, ...stream },
  })
  const reader = answer.body!.getReader()
  const first = new TextDecoder().decode((await reader.read()).value)
  await reader.cancel()
  const end = /^id: (.*)$/m.exec(first)?.[1] ?? ''
  const next = await lived()
  const news = await get(`/v1/events?after=${end}`)
  expect(new Set(news.body.items.map((event) => event.sessionId))).toEqual(new Set([next]))
})
