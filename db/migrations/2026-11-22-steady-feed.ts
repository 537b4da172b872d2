import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** The feed follows each session's own order, and every foreign key has an index of its own. */
const changes = [
  {
    up: `alter table session add column event_epoch int not null default 0, add column event_xid xid8 not null default '0'`,
    down: `alter table session drop column event_epoch, drop column event_xid`,
  },
  {
    up: `create index template_version_created_by on template_version (created_by)`,
    down: `drop index template_version_created_by`,
  },
  {
    up: `create index template_current_version on template (id, current_version)`,
    down: `drop index template_current_version`,
  },
  {
    up: `drop index instance_provider`,
    down: `create index instance_provider on instance (provider_id) where removed_at is null`,
  },
  { up: `create index instance_provider on instance (provider_id, removed_at)`, down: `drop index instance_provider` },
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const change of changes) await sql.raw(change.up).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const change of changes.toReversed()) await sql.raw(change.down).execute(db)
}
