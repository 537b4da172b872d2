import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Db } from '../../db/connect.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  rows = await createRows({ poolSize: 1 })
  db = rows.db
})
afterAll(async () => await rows.close())

test('a connection that ends between two statements of a transaction fails that transaction, and nothing else', async () => {
  // ours:    begin ── select ·········· the server ends the connection ── select: refused
  // nobody asks anything at that moment, so there is no statement that the error could belong to
  const other = rows.another(1)
  const transaction = db.transaction().execute(async (trx) => {
    const { rows: found } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
    const pid = found[0]?.pid ?? 0
    await sql`select pg_terminate_backend(${pid})`.execute(other)
    await expect
      .poll(async () => (await sql`select 1 from pg_stat_activity where pid = ${pid}`.execute(other)).rows)
      .toEqual([])
    await sql`select 1`.execute(trx)
  })
  await expect(transaction).rejects.toThrow(/terminat|not queryable/i)
  expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
})
