import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  `alter table installation
    add column disarmed_at timestamptz,
    add column disarmed_reason text check (disarmed_reason in ('copied', 'restored')),
    add column disarmed_epoch int,
    add column maintenance_since timestamptz,
    add column maintenance_until timestamptz,
    add column maintenance_text text,
    add column maintenance_version int not null default 1,
    add check ((disarmed_at is null) = (disarmed_reason is null)),
    add check ((maintenance_since is null) = (maintenance_text is null))`,

  `alter table session
    add column abandon_requested_at timestamptz,
    add column pruned_at timestamptz,
    add column events_pruned_at timestamptz`,
  `create index session_prunable on session (ended_at) where ended_at is not null and pruned_at is null`,
  `create index session_events_prunable on session (ended_at) where ended_at is not null and events_pruned_at is null`,
  `create index session_pruned on session (ended_at) where pruned_at is not null and events_pruned_at is not null`,
  `create index audit_event_age on audit_event (at)`,
  `alter table installation
    add column pruned_epoch int not null default 0,
    add column pruned_xid xid8 not null default '0',
    add column pruned_id bigint not null default 0`,

  `alter table account
    add column erase_requested_at timestamptz,
    add column erased_at timestamptz,
    add check (erased_at is null or erase_requested_at is not null)`,
  `create index account_erasable on account (erase_requested_at) where erase_requested_at is not null and erased_at is null`,

  `create table sweep (
    provider_id text primary key references provider,
    disarmed_at timestamptz,
    withheld int check (withheld > 0),
    allowance int not null default 0 check (allowance >= 0),
    last_run_at timestamptz,
    last_whole_at timestamptz,
    check ((disarmed_at is null) = (withheld is null))
  )`,
  `insert into sweep (provider_id) select id from provider`,
  `create table drift (
    provider_id text not null references provider,
    kind text not null,
    subject text not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    seen int not null default 1 check (seen > 0),
    primary key (provider_id, kind, subject)
  )`,
  `create table reconciliation (
    id text primary key,
    provider_id text not null references provider,
    requested_by text references account,
    dry_run bool not null,
    remove_names text[] not null default '{}',
    run_id text unique,
    requested_at timestamptz not null default now(),
    next_try_at timestamptz not null default now(),
    tries int not null default 0,
    started_at timestamptz,
    ended_at timestamptz,
    outcome text check (outcome in ('done', 'withheld', 'disarmed', 'unreachable', 'failed')),
    report jsonb,
    check ((ended_at is null) = (outcome is null))
  )`,
  `create index reconciliation_provider on reconciliation (provider_id, id)`,
  `create index reconciliation_requested_by on reconciliation (requested_by)`,
  `create index reconciliation_age on reconciliation (coalesce(ended_at, started_at, requested_at))`,
  `create index reconciliation_open on reconciliation (next_try_at) where started_at is null and ended_at is null`,
  `create index reconciliation_unended on reconciliation (id) where ended_at is null`,
  `create function notify_reconciliation() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_wake', ''); perform pg_notify('carrel_reconciliation', new.id); return null; end $$`,
  `create trigger reconciliation_change after insert or update on reconciliation
    for each row execute function notify_reconciliation()`,
]

const reverse = [
  'drop table reconciliation',
  'drop function notify_reconciliation()',
  'drop table drift',
  'drop table sweep',
  'alter table account drop column erase_requested_at, drop column erased_at',
  'alter table installation drop column pruned_epoch, drop column pruned_xid, drop column pruned_id',
  'drop index audit_event_age',
  'alter table session drop column abandon_requested_at, drop column pruned_at, drop column events_pruned_at',
  `alter table installation drop column disarmed_at, drop column disarmed_reason, drop column disarmed_epoch,
    drop column maintenance_since, drop column maintenance_until, drop column maintenance_text,
    drop column maintenance_version`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
