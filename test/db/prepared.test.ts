import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { createDatabase } from '../setup/database.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
let db: Db
let another: Db
beforeEach(async () => {
  database = await createDatabase()
  db = connect({ url: database.url, poolSize: 1 })
  another = connect({ url: database.url, poolSize: 1 })
  await sql`create table thing (id int primary key, name text not null)`.execute(another)
  await sql`insert into thing values (1, 'one')`.execute(another)
})
afterEach(async () => {
  await db.destroy()
  await another.destroy()
  await database.drop()
})

const thing = async (id: number) => (await sql`select * from thing where id = ${id}`.execute(db)).rows
const prepared = async () =>
  (await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(db)).rows.map(
    ({ statement }) => statement,
  )

test('a statement that comes again is planned once, whatever it is asked with', async () => {
  expect(await thing(1)).toEqual([{ id: 1, name: 'one' }])
  expect(await thing(2)).toEqual([])
  expect((await prepared()).filter((text) => text.includes('thing'))).toEqual(['select * from thing where id = $1'])
})

test('a column that a migration adds meanwhile is seen by the next call, which does not fail', async () => {
  // db:       select * (prepared) ─────────────────── select * ── the plan is stale ── prepared anew
  // another:                       alter table
  await thing(1)
  await sql`alter table thing add column size int not null default 3`.execute(another)
  expect(await thing(1)).toEqual([{ id: 1, name: 'one', size: 3 }])
  expect(await thing(1)).toEqual([{ id: 1, name: 'one', size: 3 }])
})

test('neither does one in a transaction, where nothing could be repeated', async () => {
  const inside = async () =>
    await db.transaction().execute(async (trx) => (await sql`select * from thing where id = ${1}`.execute(trx)).rows)
  await inside()
  await sql`alter table thing add column size int not null default 3`.execute(another)
  expect(await inside()).toEqual([{ id: 1, name: 'one', size: 3 }])
  // What lists its columns is prepared there, too, and stays good.
  const names = async () =>
    await db.transaction().execute(async (trx) => (await sql`select name from thing where id = ${1}`.execute(trx)).rows)
  await names()
  await sql`alter table thing add column colour text`.execute(another)
  expect(await names()).toEqual([{ name: 'one' }])
  expect((await prepared()).some((text) => text.includes('select name from thing'))).toBe(true)
})

test('the server keeps a bounded number of statements for a connection', async () => {
  for (let n = 0; n < 450; n++) await sql`select ${n}::int as ${sql.ref(`column_${n}`)}`.execute(db)
  expect((await prepared()).length).toBeLessThanOrEqual(400)
})
