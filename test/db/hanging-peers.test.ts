import { Client, Connection } from '@temporalio/client'
import { createParser } from 'eventsource-parser'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterAll, beforeAll, test } from 'vitest'
import { connect } from '../../db/connect.ts'
import { recordEvent } from '../../db/events.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId, ReconciliationId, SessionId } from '../../domain/ids.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { startReconciliation } from '../../starter/reconciliations.ts'
import { createRuns } from '../../starter/runs.ts'
import { temporalAnswers } from '../../starter/starter.ts'
import { callApp, startApi } from '../setup/api.ts'
import type { Body, Person, TestApi } from '../setup/api.ts'
import { openWire } from '../setup/wire.ts'

let api: TestApi
let me: Person
let templateId: string

beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  templateId = await api.template()
})
afterAll(async () => await api?.close())

/** Another api, whose way to the database can be made to hang. */
async function openLane() {
  const wire = await openWire(new URL(api.url))
  const db = connect({ url: wire.url, poolSize: 4, statementTimeoutMs: 3_000 })
  const app = api.another({}, db)
  return {
    wire,
    app,
    async close() {
      app.streams.shutDown()
      wire.heal()
      await db.destroy()
      await wire.close()
    },
  }
}

/** What a caller waits for in vain at most, also on a machine that has much else to do: a new connection is given 5 s. */
const boundMs = 30_000

const begin = async (): Promise<SessionId> => {
  const ask = { token: me.token, body: { templateId }, headers: { prefer: 'respond-async' } }
  return (await api.call('POST', '/v1/sessions', ask)).body.id
}
const say = async (id: SessionId, text: string) =>
  await api.db.transaction().execute(async (trx) => await recordEvent(trx, id, 'session.progress', { text }))

type App = ReturnType<TestApi['another']>

interface Reader {
  readonly texts: string[]
  last: string | undefined
  /** Settles when the stream has ended. */
  readonly ended: Promise<void>
  readonly leave: () => Promise<void>
}

/** Reads the session's events from where it left off, and notes them in `texts`. */
async function read(app: App, id: SessionId, texts: string[], last?: string): Promise<Reader | number> {
  const answer = await app.app.request(`/v1/sessions/${id}/events`, {
    headers: {
      authorization: `Bearer ${me.token}`,
      accept: 'text/event-stream',
      ...(last === undefined ? {} : { 'last-event-id': last }),
    },
  })
  if (answer.status !== 200 || answer.body === null) return answer.status
  const stream = answer.body.getReader()
  const decoder = new TextDecoder()
  const parser = createParser({
    onEvent({ id: eventId, data }) {
      reader.last = eventId ?? reader.last
      const text = (JSON.parse(data) as Body).data?.text
      if (text !== undefined) texts.push(text)
    },
  })
  const pump = async () => {
    for (let chunk = await stream.read(); !chunk.done; chunk = await stream.read())
      parser.feed(decoder.decode(chunk.value, { stream: true }))
  }
  const reader: Reader = { texts, last, ended: Promise.resolve(), leave: async () => await stream.cancel() }
  return Object.assign(reader, { ended: pump() })
}

test.concurrent(
  'a database that accepts and never answers: callers are told to come again, in time, and get on when it does',
  async ({ expect }) => {
    const { wire, app, close } = await openLane()
    const asks = ['/v1/whoami', '/v1/sessions', `/v1/sessions/${await begin()}`, '/v1/templates', '/v1/events']
    for (const path of asks) expect((await callApp(app, 'GET', path, { token: me.token })).status).toBe(200)
    wire.hang()
    const began = Date.now()
    const [status, ...refused] = await Promise.all([
      callApp(app, 'GET', '/v1/status'),
      ...asks.map(async (path) => await callApp(app, 'GET', path, { token: me.token })),
      callApp(app, 'POST', '/v1/sessions', { token: me.token, body: { templateId } }),
    ])
    expect(Date.now() - began).toBeLessThan(boundMs)
    for (const answer of refused) {
      expect(answer.body).toMatchObject({ status: 503, code: 'unavailable' })
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    }
    expect(status?.body).toMatchObject({ state: 'down', dependencies: [{ name: 'database', state: 'down' }] })
    expect((await callApp(app, 'GET', '/healthz')).status).toBe(200)
    wire.heal()
    await expect
      .poll(async () => (await callApp(app, 'GET', '/v1/whoami', { token: me.token })).status, { timeout: boundMs })
      .toBe(200)
    await close()
  },
  120_000,
)

test.concurrent(
  'a reader of events loses none and sees none twice over a database that hangs and comes back',
  async ({ expect }) => {
    // reader: one ── (hangs) ── the stream ends ── 503 ── again from the last id: two, three
    const { wire, app, close } = await openLane()
    const id = await begin()
    const texts: string[] = []
    await say(id, 'one')
    const first = await read(app, id, texts)
    if (typeof first === 'number') throw new Error(`The stream was refused with ${first}.`)
    await expect.poll(() => texts, { timeout: boundMs }).toEqual(['one'])
    wire.hang()
    await say(id, 'two')
    await first.ended
    expect(await read(app, id, texts, first.last)).toBe(503)
    wire.heal()
    await say(id, 'three')
    let second: Reader | number = 503
    await expect
      .poll(
        async () => {
          second = await read(app, id, texts, first.last)
          return typeof second
        },
        { timeout: boundMs },
      )
      .toBe('object')
    await expect.poll(() => texts, { timeout: boundMs }).toEqual(['one', 'two', 'three'])
    await say(id, 'four')
    await expect.poll(() => texts, { timeout: boundMs }).toEqual(['one', 'two', 'three', 'four'])
    if (typeof second === 'object') await (second as Reader).leave()
    await close()
  },
  120_000,
)

test.concurrent(
  'a Temporal that accepts and never answers holds nobody up: what is asked of it is given up, and asking goes on',
  async ({ expect }) => {
    const sockets = new Set<Socket>()
    const mute: Server = createServer((socket) => void sockets.add(socket.on('error', () => {})))
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as AddressInfo
    const connection = Connection.lazy({ address: `127.0.0.1:${port}` })
    const client = new Client({ connection })
    const runs = createRuns(client)
    const asked = { id: newId('reconciliation') satisfies ReconciliationId, providerId: 'fake' as ProviderId }
    const began = Date.now()
    const outcomes = await Promise.all([
      temporalAnswers(client),
      runs.standing(newId('session')).catch(() => 'given up'),
      runs.lastTick('fake').catch(() => 'given up'),
      startReconciliation(client, asked, defaultTimings).catch(() => 'given up'),
      // Accepting and reading need no Temporal.
      begin().then(async (id) => (await api.call('GET', `/v1/sessions/${id}`, { token: me.token })).status),
    ])
    expect(outcomes).toEqual([false, 'given up', 'given up', 'given up', 200])
    expect(Date.now() - began).toBeLessThan(boundMs)
    for (const socket of sockets) socket.destroy()
    await connection.close()
    await new Promise((resolve) => mute.close(resolve))
  },
  120_000,
)
