import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // Sealed, and bound to the row; the names say which there are.
  `alter table provider
    add column secrets bytea,
    add column secret_names text[] not null default '{}',
    add column classes text[] not null default '{}'`,
  // What the driver says of itself, and why no worker could make it: both told by whoever serves the provider.
  `alter table provider_health
    add column capabilities jsonb,
    add column open_fault text`,

  `create table provider_check (
    id text primary key,
    provider_id text not null references provider,
    requested_by text not null references account,
    requested_at timestamptz not null default now(),
    next_try_at timestamptz not null default now(),
    tries int not null default 0,
    started_at timestamptz,
    ended_at timestamptz,
    outcome text check (outcome in ('passed', 'failed')),
    findings jsonb not null default '[]',
    check ((ended_at is null) = (outcome is null))
  )`,
  `create index provider_check_provider on provider_check (provider_id, id)`,
  `create index provider_check_requested_by on provider_check (requested_by)`,
  `create index provider_check_open on provider_check (next_try_at) where started_at is null and ended_at is null`,
  `create index provider_check_unended on provider_check (id) where ended_at is null`,
  `create index provider_check_age on provider_check (requested_at)`,
  `create function notify_provider_check() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_wake', ''); perform pg_notify('carrel_provider_check', new.id); return null; end $$`,
  `create trigger provider_check_change after insert or update on provider_check
    for each row execute function notify_provider_check()`,
]

const reverse = [
  'drop table provider_check',
  'drop function notify_provider_check()',
  'alter table provider_health drop column capabilities, drop column open_fault',
  'alter table provider drop column secrets, drop column secret_names, drop column classes',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
