import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** Names are compared byte by byte: they are pages' places. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table link (
    provider_id text not null references provider,
    deployment_id text not null,
    name text collate "C" not null,
    session_id text not null,
    generation int not null check (generation > 0),
    made_at timestamptz not null default now(),
    primary key (provider_id, deployment_id, name)
  )`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table link`.execute(db)
}
