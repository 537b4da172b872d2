import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { recordAudit } from '../../db/audit.ts'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { migrations, migrateToLatest } from '../../db/migrate.ts'
import { createDatabase } from '../setup/database.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
let db: Db
beforeEach(async () => {
  database = await createDatabase()
  db = connect({ url: database.url, poolSize: 2 })
})
afterEach(async () => {
  await db.destroy()
  await database.drop()
})

/** Everything there is in the schema, as lines, but Kysely's own tables. */
async function everything(): Promise<string[]> {
  const { rows } = await sql<{ line: string }>`
    select format('column %s.%s %s %s %s %s', table_name, column_name, data_type, udt_name, is_nullable, column_default) as line
      from information_schema.columns where table_schema = 'public' and table_name not like 'kysely%'
    union all
    select format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint
      where connamespace = 'public'::regnamespace and conrelid::regclass::text not like 'kysely%'
    union all
    select format('index %s', indexdef) from pg_indexes where schemaname = 'public' and tablename not like 'kysely%'
    union all
    select format('trigger %s', pg_get_triggerdef(t.oid)) from pg_trigger t where not tgisinternal
    union all
    select format('function %s', pg_get_functiondef(oid)) from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select format('type %s', typname) from pg_type where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
    union all
    select format('sequence %s', sequencename) from pg_sequences where schemaname = 'public'
    order by line`.execute(db)
  return rows.map((row) => row.line)
}

describe('migrations', () => {
  test('up, down to nothing, and up again is the same', async () => {
    const names = Object.keys(migrations)
    expect(await migrateToLatest(database.url)).toEqual(names)
    const first = await everything()
    expect(first.length).toBeGreaterThan(100)

    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
    for (const name of names.toReversed()) {
      const { error, results } = await migrator.migrateDown()
      expect(error).toBeUndefined()
      expect(results?.map((r) => [r.migrationName, r.status])).toEqual([[name, 'Success']])
    }
    expect(await everything()).toEqual([])

    expect(await migrateToLatest(database.url)).toEqual(names)
    expect(await everything()).toEqual(first)
  })

  test('beside each other are one: each is applied once, and all who asked are content', async () => {
    const applied = await Promise.all(Array.from({ length: 4 }, async () => await migrateToLatest(database.url)))
    expect(applied.flat()).toEqual(Object.keys(migrations))
    expect(await migrateToLatest(database.url)).toEqual([])
    // What the first migration makes once, it made once: the installation and who it is.
    expect(await db.selectFrom('installation').select('deployment_id').execute()).toHaveLength(1)
  })

  test('that change only how sessions are announced wait for nobody who reads or writes them', async () => {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
    expect((await migrator.migrateTo('2026-11-22-upkeep')).error).toBeUndefined()
    const other = connect({ url: database.url, poolSize: 1 })
    try {
      await other.transaction().execute(async (trx) => {
        await sql`lock table session, session_event in row exclusive mode`.execute(trx)
        expect((await migrator.migrateTo('2026-11-23-announcements')).error).toBeUndefined()
      })
    } finally {
      await other.destroy()
    }
  })

  test('take along what was there: words on groups, and lists that were read half', async () => {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
    expect((await migrator.migrateTo('2026-12-11-machines')).error).toBeUndefined()
    for (const statement of [
      sql`insert into account (id, display_name, roles) values ('a1', 'Ada', '{member}')`,
      sql`insert into token (id, account_id, client, name, scopes, hash, expires_at)
        values ('k1', 'a1', 'browser', 'x', '{read}', 'h1', now()), ('k2', 'a1', 'browser', 'y', '{read}', 'h2', now())`,
      sql`insert into identity (issuer, subject, account_id) values ('i', 'ada', 'a1'), ('i', 'never', 'a1')`,
      sql`insert into browser_session (token_id, account_id, issuer, subject, ends_at, idle_seconds, checked_at)
        values ('k1', 'a1', 'i', 'ada', now(), 60, '2026-11-01Z'), ('k2', 'a1', 'i', 'ada', now(), 60, '2026-11-02Z')`,
      sql`insert into catalogue_sync (id, source) values ('y1', 'office')`,
      sql`insert into catalogue_listing (sync_id, account_id, listing, why) values ('y1', 'a1', '{}', null), ('y1', 'a2', null, 'away')`,
    ])
      await statement.execute(db)
    await migrateToLatest(database.url)
    const identities = await db.selectFrom('identity').select('checked_at').orderBy('subject').execute()
    expect(identities.map((row) => row.checked_at?.toISOString())).toEqual(['2026-11-02T00:00:00.000Z', undefined])
    const lists = await db.selectFrom('catalogue_listing').select(['part', 'gap']).orderBy('account_id').execute()
    expect(lists).toEqual([
      { part: 0, gap: null },
      { part: 0, gap: 'away' },
    ])
    // And back: whom groups kept out would be let in by nobody's asking.
    await sql`insert into gated_issuer (issuer, holds_seconds) values ('i', 60)`.execute(db)
    expect((await migrator.migrateTo('2026-12-11-machines')).error).toBeUndefined()
    const tokens = await db.selectFrom('token').select('id').where('revoked_at', 'is', null).execute()
    expect(tokens).toEqual([])
  })

  test('are named by date, in the order in which they are applied', () => {
    const names = Object.keys(migrations)
    for (const name of names) expect(name).toMatch(/^\d{4}-\d{2}-\d{2}-[a-z0-9-]+$/)
    expect(names.toSorted()).toEqual(names)
  })
})

describe('the schema', () => {
  test('every foreign key has an index that begins with its columns', async () => {
    await migrateToLatest(database.url)
    const { rows } = await sql<{ key: string }>`
      select format('%s (%s)', c.conrelid::regclass, string_agg(a.attname, ', ' order by k.place)) as key
      from pg_constraint c
      cross join lateral unnest(c.conkey) with ordinality as k(attnum, place)
      join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum
      where c.contype = 'f' and c.connamespace = 'public'::regnamespace
        and not exists (
          select from pg_index i
          where i.indrelid = c.conrelid and i.indpred is null
            and (string_to_array(i.indkey::text, ' ')::int2[])[1:cardinality(c.conkey)] @> c.conkey)
      group by c.oid, c.conrelid`.execute(db)
    expect(rows.map((row) => row.key)).toEqual([])
  })

  test('an audit line is never changed', async () => {
    await migrateToLatest(database.url)
    await recordAudit(db, {
      accountId: null,
      client: null,
      onBehalfOf: null,
      action: 'test',
      subject: { kind: 'nothing', id: null },
      outcome: 'accepted',
      requestId: null,
    })
    await expect(db.updateTable('audit_event').set({ action: 'other' }).execute()).rejects.toThrow('never changed')
  })
})

test('every connection bounds its statements and its waiting for locks', async () => {
  const { rows } = await sql<{ name: string; setting: string }>`
    select name, setting from pg_settings
    where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') order by name`.execute(
    db,
  )
  expect(rows.map((row) => [row.name, row.setting])).toEqual([
    ['idle_in_transaction_session_timeout', '15000'],
    ['lock_timeout', '5000'],
    ['statement_timeout', '10000'],
  ])
})
