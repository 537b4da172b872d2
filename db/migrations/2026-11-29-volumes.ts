import { sql } from 'kysely'
import type { Kysely } from 'kysely'

// A storage source is a directory at its provider, or a volume that the provider knows by name.
const forward = [
  `alter table storage_source alter column host_path drop not null`,
  `alter table storage_source add column volume jsonb`,
  `alter table storage_source add constraint storage_source_place check ((host_path is null) <> (volume is null))`,
  `alter table storage_source add constraint storage_source_volume
    check (volume is null or coalesce(volume ->> 'kind' in ('claim', 'nfs', 'csi'), false))`,
]

const back = [
  `delete from storage_source where host_path is null`,
  `alter table storage_source drop constraint storage_source_volume`,
  `alter table storage_source drop constraint storage_source_place`,
  `alter table storage_source drop column volume`,
  `alter table storage_source alter column host_path set not null`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of forward) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of back) await sql.raw(statement).execute(db)
}
