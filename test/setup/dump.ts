import { sql } from 'kysely'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { migrateToLatest } from '../../db/migrate.ts'

/** Every row of every table, as a dump has them. */
export type Dump = ReadonlyMap<string, string>

/** The rows as they stand at one moment, in one snapshot. */
export async function dump(db: Db): Promise<Dump> {
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const tables = await sql<{ name: string }>`
        select table_name as name from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE' and table_name not like 'kysely%'`.execute(trx)
      const rows = new Map<string, string>()
      for (const { name } of tables.rows) {
        const { rows: found } = await sql<{ rows: string }>`
          select coalesce(json_agg(t), '[]')::text as rows from ${sql.table(name)} t`.execute(trx)
        rows.set(name, found[0]?.rows ?? '[]')
      }
      return rows
    })
}

/** Brings a dump into an empty database, as an operator does after a loss: without triggers, and with every id as it was. */
export async function restore(url: string, rows: Dump): Promise<void> {
  await migrateToLatest(url)
  const db = connect({ url, poolSize: 1 })
  try {
    await db.connection().execute(async (one) => {
      await sql`set session_replication_role = replica`.execute(one)
      for (const [name, json] of rows) {
        await sql`delete from ${sql.table(name)}`.execute(one)
        const columns = sql.join((await writable(one, name)).map((column) => sql.ref(column)))
        await sql`insert into ${sql.table(name)} (${columns}) overriding system value
          select ${columns} from json_populate_recordset(null::${sql.table(name)}, ${json}::json)`.execute(one)
      }
      const counted = await sql<{ name: string; column: string }>`
        select table_name as name, column_name as column from information_schema.columns
        where table_schema = 'public' and is_identity = 'YES'`.execute(one)
      for (const { name, column } of counted.rows)
        await sql`select setval(pg_get_serial_sequence(${name}, ${column}),
          (select coalesce(max(${sql.ref(column)}), 0) + 1 from ${sql.table(name)}), false)`.execute(one)
    })
  } finally {
    await db.destroy()
  }
}

/** The columns that the database does not make of others by itself. */
async function writable(db: Db, table: string): Promise<readonly string[]> {
  const { rows } = await sql<{ column: string }>`
    select column_name as column from information_schema.columns
    where table_schema = 'public' and table_name = ${table} and is_generated = 'NEVER'`.execute(db)
  return rows.map(({ column }) => column)
}
