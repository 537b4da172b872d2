import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** Not only providers are reconciled: one without a provider is of the gateway outside, carried out by whoever watches that. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table reconciliation alter column provider_id drop not null`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`delete from reconciliation where provider_id is null`.execute(db)
  await sql`alter table reconciliation alter column provider_id set not null`.execute(db)
}
