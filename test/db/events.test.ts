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
const deadlineMs = 50_000
/** Between two looks of a reader who has read all there is. */
const pollMs = 20

/** Writes lines of `sessions` in transactions of varying length, some of which are undone, until about `each` stand. */
async function write(random: () => number, sessions: readonly SessionId[], each: number): Promise<number> {
  let written = 0
  while (written < each) {
    const count = Math.min(1 + Math.floor(random() * 12), each - written)
    // Whoever locks many sessions locks them by id.
    const chosen = Array.from({ length: count }, () => pick(random, sessions)).sort()
    const undone = random() < 0.1
    const pauseMs = random() < 0.1 ? Math.floor(random() * 25) : 0
    const work = db.transaction().execute(async (trx) => {
      for (const id of chosen) await recordEvent(trx, id, 'session.progress', {})
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
  return written
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

describe('one session’s history', () => {
  test('twenty writers, and readers who reconnect at random: no gap, no repeat, in order', async () => {
    // writer 1: update session: seq 7 ── insert ──────────── commit
    // writer 2:      update session (waits for the row) ················ seq 8 ── insert ── commit
    // reader:                                    reads up to 6 ····················· reads 7, 8
    const random = seeded(4)
    const key = await rows.session(owner)
    const written = (async () => {
      const each = Array.from({ length: writers }, async () => await write(random, [key.sessionId], total / writers))
      await Promise.all(each)
    })()
    const read = async () =>
      await follow<SessionEvent>(
        random,
        async (executor, last, limit) => await readSessionEvents(executor, key.sessionId, last?.seq ?? 0, limit),
        (all) => all.length >= total + 1,
      )
    const [first, second] = await Promise.all([read(), read(), written])
    const whole = Array.from({ length: total + 1 }, (_, i) => i + 1)
    expect(first.map((e) => e.seq)).toEqual(whole)
    expect(second.map((e) => e.seq)).toEqual(whole)
  })
})

describe('the feed across sessions', () => {
  type Line = Awaited<ReturnType<typeof readFeed>>[number]
  const feed = async (executor: Db, cursor: FeedCursor | null, limit = 1_000, viewer: AccountId | null = null) =>
    await readFeed(executor, { viewer }, cursor, limit)
  const place = (line: Line) => `${line.sessionId}#${line.seq}`
  /** Reads on until `enough` lines came: other databases of this server may hold the feed back for a moment. */
  const next = async (cursor: FeedCursor, enough: number): Promise<Line[]> => {
    let read: Line[] = []
    await expect
      .poll(
        async () => {
          read = [...read, ...(await feed(db, read.at(-1)?.cursor ?? cursor))]
          return read.length
        },
        { timeout: 10_000, interval: 20 },
      )
      .toBeGreaterThanOrEqual(enough)
    return read
  }
  const settled = async (): Promise<FeedCursor> => {
    const { rows: last } = await sql<{ id: string }>`
      select e.id::text from session_event e order by e.epoch desc, e.xid desc, e.id desc limit 1`.execute(db)
    await expect.poll(async () => (await feedEnd(db)).id, { timeout: 10_000, interval: 20 }).toBe(last[0]?.id)
    return await feedEnd(db)
  }

  test('twenty writers in transactions of any length, and a reader who reconnects: no gap, no repeat, in order', async () => {
    // writer 1: xid 10 ── line ───────────── pauses ─────────────── line ── commit
    // writer 2:      xid 11 ── line ── commit
    // reader:                              10 runs still: nothing from 11 on ······ reads 10, 10, 11
    const random = seeded(7)
    const keys = await Promise.all(Array.from({ length: 10 }, async () => await rows.session(owner)))
    const sessions = keys.map((key) => key.sessionId)
    const start = await settled()
    const read = follow<Line>(
      random,
      async (executor, last, limit) => await feed(executor, last?.cursor ?? start, limit),
      (all) => all.length >= total,
    )
    await Promise.all(Array.from({ length: writers }, async () => await write(random, sessions, total / writers)))
    const lines = await read

    const stored = await db
      .selectFrom('session_event')
      .select(['session_id', 'seq'])
      .where('session_id', 'in', sessions)
      .where('seq', '>', 1)
      .orderBy('epoch')
      .orderBy('xid')
      .orderBy('id')
      .execute()
    expect(stored).toHaveLength(total)
    expect(lines.map(place)).toEqual(stored.map((row) => `${row.session_id}#${row.seq}`))
    for (const id of sessions) {
      const seqs = lines.filter((line) => line.sessionId === id).map((line) => line.seq)
      expect(seqs).toEqual(seqs.map((_, i) => i + 2))
    }
  })

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

  test('an older epoch comes first, whatever its numbers were: a restored database begins with small ones', async () => {
    const key = await rows.session(owner)
    const start = await settled()
    await sql`
      with numbered as (update session set event_seq = event_seq + 1 where id = ${key.sessionId} returning event_seq)
      insert into session_event (session_id, seq, epoch, xid, type, data)
      select ${key.sessionId}, event_seq, 1, '99999999999'::xid8, 'session.progress', '{}' from numbered`.execute(db)
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

  test('of a session that does not begin, or of a generation that has passed, nothing is kept', async () => {
    const key = await begun()
    expect(await say({ ...key, generation: 2 })).toBe(false)
    await rows.scene(key, { state: 'ready' })
    expect(await say(key)).toBe(false)
    expect(await readSessionEvents(db, key.sessionId, 1, 10)).toEqual([])
  })
})
