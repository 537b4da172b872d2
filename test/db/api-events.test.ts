import { createParser } from 'eventsource-parser'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordEvent } from '../../db/events.ts'
import type { SessionId } from '../../domain/ids.ts'
import { callApp, startApi } from '../setup/api.ts'
import type { Body, Person, TestApi } from '../setup/api.ts'

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  templateId = await api.template()
})
afterAll(() => api.close())

const begin = async (token = me.token): Promise<SessionId> => {
  const made = await api.call('POST', '/v1/sessions', {
    token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  return made.body.id
}
const say = (id: SessionId, text: string) =>
  api.db.transaction().execute((trx) => recordEvent(trx, id, 'session.progress', { text }))
const end = async (id: SessionId) => {
  await api.db.transaction().execute(async (trx) => {
    await trx
      .updateTable('session')
      .set({ state: 'stopped', reason: 'user', ended_at: new Date() })
      .where('id', '=', id)
      .execute()
    await recordEvent(trx, id, 'session.state', { state: 'stopped', reason: 'user' })
  })
}

interface Reading {
  readonly status: number
  readonly headers: Headers
  readonly events: { id: string | undefined; event: string | undefined; data: Body }[]
  readonly raw: () => string
  /** Resolves when the server has closed the stream. */
  readonly closed: Promise<void>
  leave(): Promise<void>
}

async function read(path: string, lastId?: string, token = me.token, from = api.app): Promise<Reading> {
  const answer = await from.app.request(path, {
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    },
  })
  const events: Reading['events'] = []
  let raw = ''
  const parser = createParser({
    onEvent: ({ id, event, data }) => events.push({ id, event, data: JSON.parse(data) }),
  })
  const reader = answer.body?.getReader()
  const decoder = new TextDecoder()
  const pump = async () => {
    for (;;) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.done) return
      const text = decoder.decode(chunk.value, { stream: true })
      raw += text
      parser.feed(text)
    }
  }
  const closed = pump()
  return {
    status: answer.status,
    headers: answer.headers,
    events,
    raw: () => raw,
    closed,
    leave: async () => {
      await reader?.cancel()
      await closed
    },
  }
}

const texts = ({ events }: { readonly events: readonly { readonly data: Body }[] }) =>
  events.flatMap((e) => (e.data.data?.text === undefined ? [] : [e.data.data.text]))
const until = (holds: () => boolean) => expect.poll(holds, { timeout: 50_000, interval: 10 }).toBe(true)

test('a stream tells what was, what comes, and ends after the last event', async () => {
  const id = await begin()
  const stream = await read(`/v1/sessions/${id}/events`)
  expect(stream.status).toBe(200)
  expect(stream.headers.get('content-type')).toContain('text/event-stream')
  expect(stream.headers.get('x-accel-buffering')).toBe('no')
  await until(() => stream.events.length === 1)
  expect(stream.events[0]).toMatchObject({
    event: 'session.state',
    data: { seq: 1, sessionId: id, data: { state: 'requested' } },
  })
  expect(stream.events[0]?.id).toBe(stream.events[0]?.data.id)
  await say(id, 'Pulling layer 1/3')
  await end(id)
  await stream.closed
  expect(stream.events.map((e) => e.event)).toEqual(['session.state', 'session.progress', 'session.state', 'end'])
  expect(api.app.streams.count()).toBe(0)
})

test('who comes back after the end is told that there is no more', async () => {
  const id = await begin()
  await end(id)
  const stream = await read(`/v1/sessions/${id}/events`)
  await stream.closed
  const last = stream.events.at(-2)?.id
  expect((await read(`/v1/sessions/${id}/events`, last)).status).toBe(204)
  expect((await read(`/v1/sessions/${id}/events`, stream.events[0]?.id)).status).toBe(200)
})

test('a reader that is cut off at random misses and repeats nothing, also across apis', async () => {
  // writers: ── 1 ─── 2 ─ 3 ──── … each in a transaction of its own, beside each other
  // reader:  ── read ─ cut ─ another api, Last-Event-ID ─ read ─ cut …
  const id = await begin()
  const other = api.another()
  const total = 400
  const writing = Promise.all(
    Array.from({ length: 5 }, async (_, w) => {
      for (let i = 0; i < total / 5; i += 1) await say(id, `${w}.${i}`)
    }),
  ).then(() => end(id))
  const seen: number[] = []
  let last: string | undefined
  for (let turn = 0; ; turn += 1) {
    const stream = await read(`/v1/sessions/${id}/events`, last, me.token, turn % 2 === 0 ? api.app : other)
    if (stream.status === 204) break
    const enough = seen.length + 1 + Math.floor(Math.random() * 60)
    let over = false
    void stream.closed.then(() => (over = true))
    await until(() => over || seen.length + stream.events.length >= enough)
    await stream.leave()
    for (const event of stream.events.filter((e) => e.event !== 'end')) {
      seen.push(event.data.seq)
      last = event.id
    }
  }
  await writing
  expect(seen).toEqual(Array.from({ length: total + 2 }, (_, i) => i + 1))
})

test('the feed tells of all my sessions, resumes without gap or repeat, and knows nothing of others', async () => {
  const person = await api.person()
  const stream = await read('/v1/events?after=now', undefined, person.token)
  await until(() => stream.raw().startsWith('id: '))
  const ids = await Promise.all(Array.from({ length: 4 }, () => begin(person.token)))
  await begin()
  await until(() => stream.events.length >= 4)
  await stream.leave()
  const last = stream.events[1]?.id
  await Promise.all(ids.map((id) => say(id, 'going on')))
  const again = await read('/v1/events', last, person.token)
  await until(() => again.events.length >= 6)
  await again.leave()
  const seen = [...stream.events.slice(0, 2), ...again.events].map((e) => `${e.data.sessionId} ${e.data.seq}`)
  expect(new Set(seen).size).toBe(8)
  expect(seen).toHaveLength(8)
  expect([...stream.events, ...again.events].every((e) => ids.includes(e.data.sessionId))).toBe(true)
})

test('a stream shows a concurrent, older transaction before a newer one, or after nothing', async () => {
  // A: insert (xid 1) ─────────────────────── commit
  // B:        insert (xid 2) ── commit
  // feed:                        shows none ······ shows A, then B
  const person = await api.person()
  const [first, second] = [await begin(person.token), await begin(person.token)]
  const stream = await read('/v1/events?after=now', undefined, person.token)
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  let written = () => {}
  const wrote = new Promise<void>((resolve) => (written = resolve))
  const slow = api.db.transaction().execute(async (trx) => {
    await recordEvent(trx, first, 'session.progress', { text: 'A' })
    written()
    await held
  })
  await wrote
  await say(second, 'B')
  const page = await api.call('GET', '/v1/events?limit=200', { token: person.token })
  expect(texts({ events: page.body.items.map((e) => ({ data: e })) })).toEqual([])
  release()
  await slow
  await until(() => texts(stream).length === 2)
  await stream.leave()
  expect(texts(stream)).toEqual(['A', 'B'])
})

test('a quiet stream is closed when its token is revoked', async () => {
  const person = await api.person()
  const id = await begin(person.token)
  const stream = await read(`/v1/sessions/${id}/events`, undefined, person.token)
  await until(() => stream.events.length === 1)
  await api.db.updateTable('token').set({ revoked_at: new Date() }).where('account_id', '=', person.id).execute()
  await stream.closed
  expect(stream.events.map((e) => e.event)).toEqual(['session.state'])
})

test('when the server ends, streams are told when to come back', async () => {
  const other = api.another()
  const id = await begin()
  const stream = await read(`/v1/sessions/${id}/events`, undefined, me.token, other)
  await until(() => stream.events.length === 1)
  other.streams.shutDown()
  await stream.closed
  expect(stream.raw()).toMatch(/retry: 1000\n\n$/)
})

test('one caller holds 32 streams at most', async () => {
  const person = await api.person()
  const streams = await Promise.all(
    Array.from({ length: 33 }, () => read('/v1/events?after=now', undefined, person.token)),
  )
  expect(streams.filter((s) => s.status === 200)).toHaveLength(32)
  expect(streams.find((s) => s.status !== 200)?.status).toBe(429)
  await Promise.all(streams.map((s) => s.leave()))
  expect(api.app.streams.count()).toBe(0)
})

test('without a stream the same events are pages', async () => {
  const id = await begin()
  for (const text of ['1', '2', '3', '4']) await say(id, text)
  const first = await api.call('GET', `/v1/sessions/${id}/events?limit=2`, { token: me.token })
  expect(first.body.items.map((e) => e.seq)).toEqual([1, 2])
  const second = await api.call('GET', `/v1/sessions/${id}/events?limit=3&after=${first.body.nextCursor}`, {
    token: me.token,
  })
  expect(second.body.items.map((e) => e.seq)).toEqual([3, 4, 5])
  expect(second.body.nextCursor).toBeNull()
  // The feed shows what no transaction can overtake any more, also none of another database of this server.
  const feed = async () => (await api.call('GET', '/v1/events?limit=1', { token: me.token })).body
  await expect.poll(async () => (await feed()).items).toHaveLength(1)
  const { nextCursor } = await feed()
  expect((await callApp(api.app, 'GET', `/v1/events?after=${nextCursor}`, { token: me.token })).status).toBe(200)
})

test('ids of another history, and what is no id, are refused', async () => {
  const [one, two] = [await begin(), await begin()]
  const { items } = (await api.call('GET', `/v1/sessions/${one}/events`, { token: me.token })).body
  for (const after of [items[0]?.id, 'x', Buffer.from(`["history","${two}","9e9"]`).toString('base64url')])
    expect((await api.call('GET', `/v1/sessions/${two}/events?after=${after}`, { token: me.token })).status).toBe(422)
  const beyond = Buffer.from('["feed","1","99999999999999999999","1"]').toString('base64url')
  expect((await api.call('GET', `/v1/events?after=${beyond}`, { token: me.token })).status).toBe(422)
})

test("another's history is not there", async () => {
  const id = await begin()
  const other = await api.person()
  expect((await api.call('GET', `/v1/sessions/${id}/events`, { token: other.token })).status).toBe(404)
  expect((await read(`/v1/sessions/${id}/events`, undefined, other.token)).status).toBe(404)
  expect((await api.call('GET', `/v1/sessions/${id}/events`)).status).toBe(401)
  expect((await api.call('GET', '/v1/events')).status).toBe(401)
})
