import { sql } from 'kysely'
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  // When its issuer last said that it is not in the groups that are let in. Null: never, or it has said since that it is.
  await sql`alter table identity add column denied_at timestamptz`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`alter table identity drop column denied_at`.execute(db)
}
