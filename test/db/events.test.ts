import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { feedEnd, readFeed, readSessionEvents, recordEvent } from '../../db/events.ts'
import type { FeedCursor, SessionEvent } from '../../db/events.ts'
import { recordProgress } from '../../db/progress.ts'
import type { AccountId, SessionId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { move } from '../../db/transitions.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'
import { pick, seeded } from '../setup/seeded.ts'

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows({ poolSize: 20 })
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())

const writers = 20
const total = 5_000
const deadlineMs = 150_000
/** Between two looks of a reader who has read all there is. */
const pollMs = 20
/** What shows late: whoever writes in another database of this server for long holds the feed back for so long. */
const patienceMs = 50_000

/**
 * Writes `each` lines of `main`, and some of `others`, in transactions of varying length, some of which are undone. Many begin
 * with another session, and so are older than those whose line of `main` stands before theirs.
 */
async function write(random: () => number, main: SessionId, others: readonly SessionId[], each: number) {
  let written = 0
  while (written < each) {
    const count = random() < 0.1 ? 0 : Math.min(1 + Math.floor(random() * 14), each - written)
    const beside = count === 0 || random() < 0.3 ? [pick(random, others)] : []
    // Whoever locks many sessions locks them by id.
    const lines = [...beside, ...Array.from({ length: count }, () => main)].sort()
    const undone = random() < 0.05
    const pauseMs = count === 0 ? Math.floor(random() * 40) : 0
    const work = db.transaction().execute(async (trx) => {
      for (const id of lines) await recordEvent(trx, id, 'session.progress', {})
      if (pauseMs > 0) await sql`select pg_sleep(${pauseMs / 1_000}::float8)`.execute(trx)
      if (undone) throw new Undone()
    })
    await work.then(
      () => (written += count),
      (error: unknown) => {
        if (!(error instanceof Undone)) throw error
      },
    )
  }
}
class Undone extends Error {}

/** Reads on from where it was, in pages of any size, over connections that it gives up at random, until `enough`. */
async function follow<T>(
  random: () => number,
  page: (executor: Db, after: T | undefined, limit: number) => Promise<T[]>,
  enough: (read: readonly T[]) => boolean,
): Promise<T[]> {
  const read: T[] = []
  const deadline = Date.now() + deadlineMs
  while (!enough(read) && Date.now() < deadline) {
    const connection = connect({ url: rows.url, poolSize: 1 })
    try {
      for (let stay = Math.floor(random() * 20); stay >= 0; stay--) {
        const lines = await page(connection, read.at(-1), 1 + Math.floor(random() * 200))
        read.push(...lines)
        if (lines.length === 0) await setTimeout(pollMs)
      }
    } finally {
      await connection.destroy()
    }
  }
  return read
}

type Line = Awaited<ReturnType<typeof readFeed>>[number]
const feed = async (executor: Db, cursor: FeedCursor | null, limit = 1_000, viewer: AccountId | null = null) =>
  await readFeed(executor, { viewer }, cursor, limit)

/** The end of the feed, once all that is written is in it: other databases of this server may hold it back for a moment. */
async function settled(): Promise<FeedCursor> {
  const { rows: last } = await sql<{ id: string }>`
    select e.id::text from session_event e order by e.epoch desc, e.xid desc, e.id desc limit 1`.execute(db)
  await expect.poll(async () => (await feedEnd(db)).id, { timeout: patienceMs, interval: 20 }).toBe(last[0]?.id)
  return await feedEnd(db)
}

test('twenty writers, and readers who reconnect at random: no gap, no repeat, in order, of one session and of all', async () => {
  // writer 1: xid 10 ── line of b ──────────────── line 8 of a (waits for the row) ········ commit
  // writer 2:     xid 11 ── line 7 of a ───────────────────────────────────── commit
  // history of a:                        reads up to 6 ······································ reads 7 ···· reads 8
  // feed:                                10 runs still: nothing from 10 on ································ b, a7, a8
  const random = seeded(4)
  const main = await rows.session(owner)
  const others = await Promise.all(Array.from({ length: 9 }, async () => (await rows.session(owner)).sessionId))
  const start = await settled()
  const written = (async () => {
    const all = Array.from(
      { length: writers },
      async () => await write(random, main.sessionId, others, total / writers),
    )
    await Promise.all(all)
  })()
  const history = follow<SessionEvent>(
    random,
    async (executor, last, limit) => await readSessionEvents(executor, main.sessionId, last?.seq ?? 1, limit),
    (read) => read.length >= total,
  )
  let stored = Number.POSITIVE_INFINITY
  const lines = follow<Line>(
    random,
    async (executor, last, limit) => await feed(executor, last?.cursor ?? start, limit),
    (read) => read.length >= stored,
  )
  await written
  const sessions = [main.sessionId, ...others]
  const counted = db.selectFrom('session_event').select((eb) => eb.fn.countAll<string>().as('n'))
  const { n } = await counted.where('session_id', 'in', sessions).where('seq', '>', 1).executeTakeFirstOrThrow()
  stored = Number(n)

  const whole = (to: number) => Array.from({ length: to - 1 }, (_, i) => i + 2)
  expect((await history).map((line) => line.seq)).toEqual(whole(total + 1))
  const read = await lines
  expect(read).toHaveLength(stored)
  for (const id of sessions) {
    const seqs = read.filter((line) => line.sessionId === id).map((line) => line.seq)
    expect(seqs).toEqual(whole(seqs.length + 1))
  }
  expect(stored).toBeGreaterThan(total)
  // Whoever reads it again from the start reads the same.
  expect((await feed(db, start, 2 * total)).map((line) => line.cursor)).toEqual(read.map((line) => line.cursor))
}, 180_000)

describe('the feed across sessions', () => {
  /** Reads on until `enough` lines came: other databases of this server may hold the feed back for a moment. */
  const next = async (cursor: FeedCursor, enough: number): Promise<Line[]> => {
    let read: Line[] = []
    await expect
      .poll(
        async () => {
          read = [...read, ...(await feed(db, read.at(-1)?.cursor ?? cursor))]
          return read.length
        },
        { timeout: patienceMs, interval: 20 },
      )
      .toBeGreaterThanOrEqual(enough)
    return read
  }
  test('a long transaction with an older number is waited for, not skipped', async () => {
    // A: xid 10 ── line of a ──────────────────────────────── commit
    // B:             xid 11 ── line of b ── commit
    // reader:                              nothing yet ················ a, then b
    const [a, b] = [await rows.session(owner), await rows.session(owner)]
    const start = await settled()
    await db.transaction().execute(async (older) => {
      await recordEvent(older, a.sessionId, 'session.progress', {})
      await db.transaction().execute(async (trx) => await recordEvent(trx, b.sessionId, 'session.progress', {}))
      expect(await feed(db, start)).toEqual([])
      expect(await feedEnd(db)).toEqual(start)
      // Its own session's history waits for nobody else.
      expect(await readSessionEvents(db, b.sessionId, 1, 10)).toHaveLength(1)
    })
    expect((await next(start, 2)).map((line) => line.sessionId)).toEqual([a.sessionId, b.sessionId])
  })

  test('lines of one session stand in its own order, though the later one is of the older transaction', async () => {
    // A: xid 10 ── line 2 of a ─────────────────────────────── line 3 of b ── commit
    // B:             xid 11 ── line 2 of b ── commit
    const [a, b] = [await rows.session(owner), await rows.session(owner)]
    const start = await settled()
    await db.transaction().execute(async (older) => {
      await recordEvent(older, a.sessionId, 'session.progress', {})
      await db.transaction().execute(async (trx) => await recordEvent(trx, b.sessionId, 'session.progress', {}))
      await move(older, { key: b, from: ['requested'], to: 'queued' })
    })
    const lines = await next(start, 3)
    expect(lines.filter((line) => line.sessionId === b.sessionId).map((line) => line.seq)).toEqual([2, 3])
  })

  test('an older epoch comes first, whatever its numbers were: a restored database begins with small ones', async () => {
    const key = await rows.session(owner)
    const start = await settled()
    await sql`
      with numbered as (update session set event_seq = event_seq + 1, event_epoch = 1, event_xid = '99999999999'
        where id = ${key.sessionId} returning *)
      insert into session_event (session_id, seq, epoch, xid, type, data)
      select id, event_seq, event_epoch, event_xid, 'session.progress', '{}' from numbered`.execute(db)
    expect(await feed(db, start)).toEqual([])
    await sql`update installation set epoch = epoch + 1`.execute(db)
    await db.transaction().execute(async (trx) => await recordEvent(trx, key.sessionId, 'session.progress', {}))
    const lines = await next(start, 2)
    expect(lines.map((line) => [line.cursor.epoch, line.seq])).toEqual([
      ['1', 2],
      ['2', 3],
    ])
    expect(await feed(db, lines.at(-1)?.cursor ?? null)).toEqual([])
  })

  test('shows an account its own sessions and those of its projects, and an operator all', async () => {
    const [ada, bea, eve] = [await rows.account(), await rows.account(), await rows.account()]
    const shared = await rows.project(bea.accountId)
    await db
      .insertInto('project_member')
      .values({ project_id: shared, account_id: ada.accountId, role: 'viewer' })
      .execute()
    const start = await settled()
    const [own, common, alien] = [
      await rows.session(ada),
      await rows.session({ ...bea, projectId: shared }),
      await rows.session(eve),
    ]
    await next(start, 3)
    const seenBy = async (viewer: AccountId | null) =>
      (await feed(db, start, 100, viewer)).map((line) => line.sessionId)
    expect(await seenBy(ada.accountId)).toEqual([own.sessionId, common.sessionId])
    expect(await seenBy(bea.accountId)).toEqual([common.sessionId])
    expect(await seenBy(eve.accountId)).toEqual([alien.sessionId])
    expect(await seenBy(null)).toEqual([own.sessionId, common.sessionId, alien.sessionId])
  })
})

describe('progress', () => {
  const say = async (key: SessionKey, message = 'pulling layer 3/7') =>
    await recordProgress(db, key, { message, percent: 40 })
  const begun = async () => {
    const key = await rows.session(owner)
    await rows.scene(key, { state: 'provisioning' })
    return key
  }
  const secondAgo = async (key: SessionKey, ms: number) =>
    await sql`update session set progress_at = now() - ${ms} * interval '1 ms' where id = ${key.sessionId}`.execute(db)

  test('of many lines at once one is kept, and no other within the second', async () => {
    const key = await begun()
    const kept = await Promise.all(Array.from({ length: 20 }, async (_, i) => await say(key, `line ${i}`)))
    expect(kept.filter(Boolean)).toHaveLength(1)
    await secondAgo(key, 700)
    expect(await say(key)).toBe(false)
    await secondAgo(key, 1_000)
    expect(await say(key, 'pulling layer 4/7')).toBe(true)
    const lines = await readSessionEvents(db, key.sessionId, 1, 10)
    expect(lines.map((e) => [e.seq, e.type])).toEqual([
      [2, 'session.progress'],
      [3, 'session.progress'],
    ])
    expect(lines.at(-1)?.data).toEqual({ message: 'pulling layer 4/7', percent: 40 })
  })

  test('is kept whatever bytes a backend wrote', async () => {
    const key = await begun()
    expect(await say(key, 'pulling\0 layer \ud83d')).toBe(true)
    expect((await readSessionEvents(db, key.sessionId, 1, 10))[0]?.data['message']).toBe('pulling layer \ufffd')
  })

  test('of a session that does not begin, or of a generation that has passed, nothing is kept', async () => {
    const key = await begun()
    expect(await say({ ...key, generation: 2 })).toBe(false)
    await rows.scene(key, { state: 'ready' })
    expect(await say(key)).toBe(false)
    expect(await readSessionEvents(db, key.sessionId, 1, 10)).toEqual([])
  })
})
