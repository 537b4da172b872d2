import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../db/connect.ts'
import { recordEvent } from '../../db/events.ts'
import { requestStop } from '../../db/intents.ts'
import { channels, createListener } from '../../db/listen.ts'
import type { Channel, Listener } from '../../db/listen.ts'
import { lookAt } from '../../db/look.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows()
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())

/** A listener that keeps what it hears on each channel. */
function hearing(url: string) {
  const listener: Listener = createListener(url)
  const heard = new Map<Channel, string[]>(channels.map((channel) => [channel, []]))
  for (const channel of channels) listener.on(channel, (payload) => heard.get(channel)?.push(payload))
  const on = (channel: Channel) => heard.get(channel) ?? []
  const until = async (channel: Channel, payload: string, times = 1) =>
    await expect
      .poll(() => on(channel).filter((p) => p === payload).length, { timeout: 10_000, interval: 10 })
      .toBeGreaterThanOrEqual(times)
  return { listener, on, until }
}
const backends = async () => {
  const { rows: found } = await sql<{ pid: number }>`
    select pid from pg_stat_activity where datname = current_database() and application_name = 'carrel-listen'`.execute(
    db,
  )
  return found.map((row) => row.pid)
}

describe('the listening connection', () => {
  test('brings what happens: a wish, a line of history, a changed provider', async () => {
    const { listener, on, until } = hearing(rows.url)
    for (const channel of channels) await until(channel, '')
    const key = await rows.session(owner)
    await until('carrel_wake', '', 2)
    await until('carrel_event', key.sessionId)
    await db.updateTable('provider').set({ start_limit: 4 }).execute()
    await until('carrel_provider', 'fake')

    const wishes = on('carrel_wake').length
    await lookAt(db, key.sessionId, defaultTimings)
    await db.transaction().execute(async (trx) => await recordEvent(trx, key.sessionId, 'session.progress', {}))
    await until('carrel_event', key.sessionId, 2)
    // Neither a look nor a line of history is a wish: whoever waits for wishes sleeps on.
    expect(on('carrel_wake')).toHaveLength(wishes)
    await db.transaction().execute(async (trx) => await requestStop(trx, key.sessionId, 'user'))
    await until('carrel_wake', '', wishes + 1)
    await listener.close()
  })

  test('comes back after it is cut, tells that anything may have been missed, and is one again', async () => {
    const { listener, until } = hearing(rows.url)
    for (const channel of channels) await until(channel, '')
    for (let cut = 1; cut <= 2; cut++) {
      // One that was closed or cut is listed until it has ended.
      await expect.poll(async () => (await backends()).length, { interval: 20 }).toBe(1)
      const [pid] = await backends()
      await sql`select pg_terminate_backend(${pid})`.execute(db)
      for (const channel of channels) await until(channel, '', cut + 1)
      const key = await rows.session(owner)
      await until('carrel_event', key.sessionId)
      await expect.poll(async () => (await backends()).length, { interval: 20 }).toBe(1)
    }
    await listener.close()
  })

  test('closed, it is gone, and whoever stopped listening hears nothing more', async () => {
    const { listener, on, until } = hearing(rows.url)
    await until('carrel_event', '')
    const late: string[] = []
    const stopListening = listener.on('carrel_event', (payload) => late.push(payload))
    stopListening()
    const key = await rows.session(owner)
    await until('carrel_event', key.sessionId)
    expect(late).toEqual([])
    await listener.close()
    await expect.poll(backends, { interval: 20 }).toEqual([])
    expect(on('carrel_event')).toContain(key.sessionId)
  })

  test('without a server it keeps trying, says so, and ends when it is told to', async () => {
    const warnings: string[] = []
    const listener = createListener('postgres://nobody:x@127.0.0.1:1/none', (message) => warnings.push(message))
    await expect.poll(() => warnings.length, { timeout: 10_000, interval: 20 }).toBeGreaterThanOrEqual(2)
    await listener.close()
    expect(warnings[0]).not.toContain('nobody')
  })
})
