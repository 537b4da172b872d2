import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const when = String.raw`'^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\.\d{3}Z)?$'`

/** Whom an owner let in, as far as template and project still allow it; with their data mounted, members alone. */
const standing = (data: string, alsoWhere: string) => `
  create or replace view standing_collaborator as
    select c.session_id, c.account_id, c.mode
    from collaborator c
    join session s on s.id = c.session_id
    join project p on p.id = s.project_id
    join template_version v on v.template_id = s.template_id and v.version = s.template_version
    left join project_member m on m.project_id = s.project_id and m.account_id = c.account_id
    where c.account_id <> s.owner_id and p.sharing <> 'off' and coalesce(v.spec ->> 'sharing', 'off') <> 'off'
      and (m.role is not null or (p.sharing = 'invited' and v.spec ->> 'sharing' = 'invited'
        and not s.mounts @? '$[*].source.kind ? (@ == "experiment" || @ == "dataset")' ${data}))
      and exists (select from project_member o
        where o.project_id = s.project_id and o.account_id = s.owner_id and o.role <> 'viewer')
      ${alsoWhere}`

// Data of an experiment is used by whom it is for, and is shared by who may use it.
const ofExperiments = `and (s.experiment_id is null or (
  exists (select from experiment_access x where x.experiment_id = s.experiment_id and x.account_id = c.account_id)
  and exists (select from experiment_access x
    where x.experiment_id = s.experiment_id and x.account_id = s.owner_id and x.role <> 'viewer')))`

const forward = [
  // Which catalogue a project, or a membership, comes from; null: people made it here.
  `alter table project add column source text, add column external_id text,
    add constraint project_external check (source is null or external_id is not null)`,
  `create unique index project_of_source on project (source, external_id) where source is not null`,
  `alter table project add column search text not null
    generated always as (lower(name || ' ' || coalesce(external_id, '') || ' ' || description)) stored`,
  `alter table project_member add column source text`,
  `create index project_member_source on project_member (source, account_id) where source is not null`,
  `create table experiment (
    id text primary key,
    project_id text not null references project,
    name text not null,
    description text not null default '',
    instrument text,
    source text,
    external_id text,
    starts text collate "C" check (starts ~ ${when}),
    ends text collate "C" check (ends ~ ${when}),
    audience text not null default 'project' check (audience in ('project', 'named')),
    uid int check (uid > 0),
    gid int check (gid > 0),
    datasets jsonb not null default '[]',
    version int not null default 1,
    created_at timestamptz not null default now(),
    withdrawn_at timestamptz,
    order_starts text collate "C" not null generated always as (coalesce(starts, '')) stored,
    order_name text collate "C" not null generated always as (lower(name)) stored,
    search text not null generated always as (lower(name || ' ' || coalesce(external_id, '') || ' '
      || coalesce(instrument, '') || ' ' || description)) stored,
    check ((uid is null) = (gid is null)),
    check (source is null or external_id is not null)
  )`,
  `create unique index experiment_of_source on experiment (source, external_id) where source is not null`,
  `create index experiment_project on experiment (project_id, order_starts, id)`,
  `create index experiment_by_start on experiment (order_starts, id)`,
  `create table experiment_member (
    experiment_id text not null references experiment,
    account_id text not null references account,
    source text,
    primary key (experiment_id, account_id)
  )`,
  `create index experiment_member_account on experiment_member (account_id, experiment_id)`,
  // Who may use an experiment's data, as far as belonging goes; whether its time is open is asked beside it.
  `create view experiment_access as
    select e.id as experiment_id, m.project_id, m.account_id, m.role
    from experiment e
    join project_member m on m.project_id = e.project_id
    where e.withdrawn_at is null and (e.audience = 'project' or exists (
      select from experiment_member x where x.experiment_id = e.id and x.account_id = m.account_id))`,
  `create table data_root (
    path text not null,
    provider_id text not null references provider,
    host_path text,
    volume jsonb,
    primary key (provider_id, path),
    check (num_nonnulls(host_path, volume) = 1)
  )`,
  `alter table session add column experiment_id text references experiment`,
  `create index session_experiment on session (experiment_id, owner_id)`,
  `create index session_experiment_live on session (id) where experiment_id is not null and ended_at is null`,
  `create table favourite (
    account_id text not null references account,
    kind text not null check (kind in ('project', 'experiment', 'template')),
    subject_id text not null,
    created_at timestamptz not null default now(),
    primary key (account_id, kind, subject_id)
  )`,
  `create table catalogue_sync (
    id text primary key,
    source text not null,
    account_id text references account,
    requested_by text references account,
    dry_run boolean not null default false,
    allow_withdrawals int not null default 0 check (allow_withdrawals >= 0),
    requested_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz,
    run_id text,
    outcome text check (outcome in ('done', 'withheld', 'unreachable', 'failed')),
    may_withdraw boolean,
    report jsonb,
    next_try_at timestamptz not null default now(),
    tries int not null default 0,
    check ((ended_at is null) = (outcome is null))
  )`,
  `create index catalogue_sync_source on catalogue_sync (source, id)`,
  `create index catalogue_sync_account on catalogue_sync (account_id)`,
  `create index catalogue_sync_requested_by on catalogue_sync (requested_by)`,
  `create index catalogue_sync_open on catalogue_sync (next_try_at) where started_at is null and ended_at is null`,
  `create index catalogue_sync_unended on catalogue_sync (id) where ended_at is null`,
  `create index catalogue_sync_age on catalogue_sync (requested_at)`,
  `create unique index catalogue_sync_run on catalogue_sync (run_id) where run_id is not null`,
  // What a sync read, until it has ended. Without an account: one list of everything.
  `create table catalogue_listing (
    sync_id text not null references catalogue_sync on delete cascade,
    account_id text not null default '',
    read_at timestamptz not null default now(),
    listing jsonb,
    why text,
    check ((listing is null) = (why is not null)),
    primary key (sync_id, account_id)
  )`,
  // How far what is shown of a source can be trusted. Without an account: all of it.
  `create table catalogue_standing (
    source text not null,
    account_id text not null default '',
    synced_at timestamptz,
    stale_since timestamptz,
    primary key (source, account_id)
  )`,
  `create function notify_catalogue_sync() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_wake', ''); perform pg_notify('carrel_catalogue', new.id); return null; end $$`,
  `create trigger catalogue_sync_change after insert or update on catalogue_sync
    for each row execute function notify_catalogue_sync()`,
]

const reverse = [
  'drop table catalogue_listing',
  'drop table catalogue_standing',
  'drop table catalogue_sync',
  'drop function notify_catalogue_sync',
  'drop table favourite',
  'alter table session drop column experiment_id',
  'drop table data_root',
  'drop view experiment_access',
  'drop table experiment_member',
  'drop table experiment',
  'alter table project_member drop column source',
  'alter table project drop column search, drop column source, drop column external_id',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...forward, standing('and s.experiment_id is null', ofExperiments)])
    await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of [standing('', ''), ...reverse]) await sql.raw(statement).execute(db)
}
