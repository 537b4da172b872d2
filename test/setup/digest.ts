import { sql } from 'kysely'
import type { Db } from '../../db/connect.ts'

/** What a mere use leaves behind: who asked for what, and when a token was used last. */
const uses = ['audit_event']
const usedColumns = ['last_used_at', 'idle_until', 'last_seen_at']

/** Of each table, what all of its rows come to. Two of them are equal where nothing changed. */
export async function digestOf(db: Db): Promise<Readonly<Record<string, string>>> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`.execute(db)
  const parts = tables
    .filter(({ name }) => !uses.includes(name))
    .map(
      ({ name }) => sql`select ${sql.lit(name)} as name,
        count(*) || ' ' || md5(coalesce(string_agg(row, '' order by row), '')) as digest
        from (select md5((to_jsonb(t) - ${usedColumns}::text[])::text) as row from ${sql.table(name)} t) rows`,
    )
  const { rows } = await sql<{ name: string; digest: string }>`${sql.join(parts, sql` union all `)}`.execute(db)
  return Object.fromEntries(rows.map(({ name, digest }) => [name, digest]))
}
