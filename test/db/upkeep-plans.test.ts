import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { expect, test } from 'vitest'
import { createUpkeepActivities } from '../../activities/upkeep.ts'
import { feedBegin, feedIsWholeAfter, historyIsWholeAfter } from '../../db/kept-events.ts'
import type { Database } from '../../db/schema.ts'
import type { SessionId } from '../../domain/ids.ts'
import { defaultRetention } from '../../domain/retention.ts'
import { endedSession } from '../setup/aged.ts'
import { createRows } from '../setup/rows.ts'

/** Tables that grow for as long as a site lives. Drift and outages do not: they are read as they are. */
const large = [
  'session',
  'session_event',
  'instance',
  'reservation',
  'audit_event',
  'idempotency_key',
  'reconciliation',
]

/** 10 000 sessions that ended over the last 400 days, as retention leaves them, and as many lines of each kind. */
async function fill(url: string, like: SessionId): Promise<void> {
  // As the owner of the server writes a dump back: without triggers, for they would only make it slow.
  const client = new pg.Client({ connectionString: url, options: '-c session_replication_role=replica' })
  await client.connect()
  const statements = [
    `insert into session select copy.* from session s, generate_series(1, 10000) n,
      jsonb_populate_record(s, jsonb_build_object('id', 'x' || n, 'name', 'x',
        'ended_at', now() - n * interval '57 minutes', 'pruned_at', case when n > 2300 then now() end,
        'events_pruned_at', case when n > 2300 then now() end)) copy where s.id = $1`,
    `insert into session_event (session_id, seq, epoch, type, data)
      select 'x' || n, seq, 1, 'session.state', '{}' from generate_series(1, 10000) n, generate_series(6, 7) seq
      where seq = 7 or n <= 2300`,
    `insert into instance (session_id, generation, provider_id, name, secret, removed_at)
      select 'x' || n, 1, 'fake', 'x' || n, '', now() from generate_series(1, 10000) n`,
    `insert into reservation select 'x' || n, 1, account_id, project_id, provider_id, 1, 0, 0, 0, 0, now(), now()
      from reservation, generate_series(1, 10000) n where session_id = $1`,
    `insert into audit_event (at, action, subject_kind, outcome)
      select now() - n * interval '57 minutes', 'test', 'test', 'accepted' from generate_series(1, 10000) n`,
    `insert into idempotency_key select owner_id, 'c', 'o', n::text, '', 'x' || n, now() - n * interval '10 seconds'
      from session, generate_series(1, 10000) n where id = $1`,
    `insert into reconciliation (id, provider_id, dry_run, requested_at, ended_at, outcome)
      select 'r' || n, 'fake', true, now() - n * interval '5 minutes', now() - n * interval '5 minutes', 'done'
      from generate_series(1, 10000) n`,
    `analyze`,
  ]
  for (const statement of statements) await client.query(statement, statement.includes('$1') ? [like] : [])
  await client.end()
}

test('no batch reads a large table as a whole, with 10 000 rows in each', async () => {
  const rows = await createRows()
  const asked: { readonly sql: string; readonly parameters: readonly unknown[] }[] = []
  const listened = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: rows.url, max: 2 }) }),
    log: ({ query }) => void asked.push(query),
  })
  try {
    const owner = await rows.account()
    const { sessionId } = await endedSession(rows, owner, 1)
    await fill(rows.url, sessionId)
    await rows.db
      .updateTable('account')
      .set({ erase_requested_at: sql<Date>`now()` })
      .where('id', '=', (await rows.account()).accountId)
      .execute()
    const activities = createUpkeepActivities({ db: listened, retention: defaultRetention, warn: () => {} })
    const did: Record<string, number> = {}
    for (const [name, batch] of Object.entries(activities)) did[name] = (await batch()).done
    expect(did).toMatchObject({ forgetKeys: 500, forgetReconciliations: 500, pruneEvents: expect.any(Number) })
    expect(did).toMatchObject({
      pruneSessions: expect.any(Number),
      deleteSessions: 100,
      deleteAudit: 500,
      eraseAccounts: 1,
    })
    expect(Math.min(did['pruneEvents'] ?? 0, did['pruneSessions'] ?? 0)).toBeGreaterThan(0)
    await historyIsWholeAfter(listened, sessionId, 1)
    const begin = await feedBegin(listened)
    await feedIsWholeAfter(listened, begin!)

    const wholes: string[] = []
    const statements = asked.filter(({ sql: text }) => /^\s*(select|with|update|delete)/.test(text))
    expect(statements.length).toBeGreaterThan(20)
    const client = new pg.Client({ connectionString: rows.url })
    await client.connect()
    for (const { sql: text, parameters } of statements) {
      const plan = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...parameters])
      const scanned = plan.rows.flatMap((row) => /Seq Scan on (\w+)/.exec(row['QUERY PLAN'])?.[1] ?? [])
      if (scanned.some((table) => large.includes(table))) wholes.push(`${scanned.join(', ')}: ${text}`)
    }
    await client.end()
    expect(wholes).toEqual([])
  } finally {
    await listened.destroy()
    await rows.close()
  }
})
