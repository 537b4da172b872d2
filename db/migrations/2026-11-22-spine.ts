// oxlint-disable max-lines -- the frozen schema of the spine reads best in one piece
import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const resources = `
  sessions int not null check (sessions >= 0),
  cpu_milli int not null check (cpu_milli >= 0),
  memory_mib int not null check (memory_mib >= 0),
  disk_mib int not null check (disk_mib >= 0),
  gpus int not null check (gpus >= 0)`

const limits = `
  sessions int check (sessions >= 0),
  cpu_milli int check (cpu_milli >= 0),
  memory_mib int check (memory_mib >= 0),
  disk_mib int check (disk_mib >= 0),
  gpus int check (gpus >= 0)`

const statements = [
  `create table installation (
    one bool primary key default true check (one),
    deployment_id uuid not null default gen_random_uuid(),
    epoch int not null default 1,
    tick bigint not null default 0,
    system_identifier text,
    database_oid text,
    temporal_namespace_id text,
    first_admin_at timestamptz
  )`,
  `insert into installation default values`,

  `create table account (
    id text primary key,
    display_name text not null,
    email text,
    organisation text,
    roles text[] not null check (cardinality(roles) > 0 and roles <@ array['member', 'operator', 'admin']),
    groups text[] not null default '{}',
    posix jsonb check (posix is null or ((posix ->> 'uid')::int > 0 and (posix ->> 'gid')::int > 0)),
    version int not null default 1,
    created_at timestamptz not null default now(),
    disabled_at timestamptz
  )`,
  `create table identity (
    issuer text not null,
    subject text not null,
    account_id text not null references account,
    primary key (issuer, subject)
  )`,
  `create index identity_account on identity (account_id)`,
  `create table token (
    id text primary key,
    account_id text not null references account,
    client text not null,
    name text not null,
    scopes text[] not null check (scopes <@ array['read', 'sessions', 'projects', 'tokens', 'admin', 'act-as']),
    hash bytea not null unique,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz
  )`,
  `create index token_account on token (account_id, id)`,

  `create table project (
    id text primary key,
    name text not null,
    description text not null default '',
    personal_of text unique references account,
    version int not null default 1,
    created_at timestamptz not null default now(),
    closed_at timestamptz
  )`,
  `create table project_member (
    project_id text not null references project,
    account_id text not null references account,
    role text not null check (role in ('owner', 'editor', 'viewer')),
    added_at timestamptz not null default now(),
    primary key (project_id, account_id)
  )`,
  `create index project_member_account on project_member (account_id, project_id)`,

  `create table quota_default (
    payer_kind text primary key check (payer_kind in ('account', 'project', 'provider')),
    ${limits}
  )`,
  `insert into quota_default (payer_kind) values ('account'), ('project'), ('provider')`,
  `create table quota (
    payer_kind text not null check (payer_kind in ('account', 'project', 'provider')),
    payer_id text not null,
    ${limits},
    version int not null default 1,
    primary key (payer_kind, payer_id)
  )`,

  `create table provider (
    id text primary key check (id ~ '^[a-z][a-z0-9]{1,25}$'),
    kind text not null,
    origin text not null check (origin in ('configuration', 'api')),
    start_limit int not null check (start_limit > 0),
    networks text[] not null default '{}',
    settings jsonb not null default '{}',
    version int not null default 1,
    disabled_at timestamptz,
    draining_at timestamptz
  )`,
  `create table provider_health (
    provider_id text primary key references provider,
    state text not null default 'closed' check (state in ('closed', 'open', 'probing')),
    failures int not null default 0,
    retry_at timestamptz,
    since timestamptz not null default now(),
    probe_session_id text,
    detail text,
    observed_at timestamptz,
    observe_error text,
    observe_ms int
  )`,

  `create table storage_source (
    kind text not null check (kind in ('dataset', 'workspace', 'experiment')),
    id text not null,
    project_id text references project,
    provider_id text not null references provider,
    host_path text not null check (host_path like '/%'),
    modes text[] not null check (cardinality(modes) > 0 and modes <@ array['ro', 'rw']),
    primary key (kind, id, provider_id)
  )`,
  `create index storage_source_project on storage_source (project_id)`,
  `create index storage_source_provider on storage_source (provider_id)`,

  `create table template (
    id text primary key,
    name text not null unique check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    origin text not null check (origin in ('configuration', 'api')),
    current_version int not null,
    version int not null default 1,
    created_at timestamptz not null default now(),
    deactivated_at timestamptz
  )`,
  `create table template_version (
    template_id text not null references template,
    version int not null,
    spec jsonb not null,
    created_at timestamptz not null default now(),
    created_by text references account,
    primary key (template_id, version)
  )`,
  `create index template_version_created_by on template_version (created_by)`,
  `alter table template add foreign key (id, current_version) references template_version (template_id, version)
    deferrable initially deferred`,
  `create index template_current_version on template (id, current_version)`,

  `create table session (
    id text primary key,
    owner_id text not null references account,
    started_by text not null references account,
    client text not null,
    project_id text not null references project,
    template_id text not null,
    template_version int not null,
    provider_id text not null references provider,
    name text not null,
    size text not null,
    parameters jsonb not null,
    secret_parameters bytea,
    mounts jsonb not null default '[]',
    ${resources},
    queue_limit_seconds int not null check (queue_limit_seconds > 0),
    start_limit_seconds int not null check (start_limit_seconds > 0),
    lifetime_seconds int not null check (lifetime_seconds > 0),

    requested_at timestamptz not null default now(),
    expires_at timestamptz,
    stop_requested_at timestamptz,
    stop_reason text,
    version int not null default 1,

    state text not null default 'requested' check (state in ('requested', 'queued', 'provisioning', 'ready', 'pausing',
      'paused', 'resuming', 'stopping', 'stopped', 'failed', 'rejected')),
    reason text,
    refusal jsonb,
    waiting_for text check (waiting_for in ('provider_busy', 'provider_unavailable')),
    generation int not null default 1 check (generation > 0),
    state_since timestamptz not null default now(),
    queued_at timestamptz,
    dispatched_at timestamptz,
    ready_at timestamptz,
    ended_at timestamptz,
    lifetime_ends_at timestamptz,
    cleanup_overdue_at timestamptz,
    operator_detail text,
    progress_at timestamptz,

    event_seq int not null default 0,
    event_epoch int not null default 0,
    event_xid xid8 not null default '0',
    wake_version int not null default 1,
    seen_version int not null default 0,
    next_try_at timestamptz not null default now(),
    tries int not null default 0,
    foreign key (template_id, template_version) references template_version (template_id, version),
    check ((stop_requested_at is null) = (stop_reason is null)),
    check ((ended_at is not null) = (state in ('stopped', 'failed', 'rejected'))),
    check (ended_at is null or reason is not null)
  )`,
  `create index session_owner on session (owner_id, id)`,
  `create index session_started_by on session (started_by)`,
  `create index session_project on session (project_id, id)`,
  `create index session_template on session (template_id, template_version)`,
  `create index session_provider_live on session (provider_id, state) where ended_at is null`,
  `create index session_provider_owner on session (provider_id, owner_id, dispatched_at)`,
  `create index session_provider_ready on session (provider_id, ready_at) where ready_at is not null`,
  `create index session_unfinished on session (next_try_at) where (seen_version < wake_version
    or (ended_at is null and (state = 'stopping' or stop_requested_at is not null)))`,

  `create table instance (
    session_id text not null references session,
    generation int not null,
    provider_id text not null references provider,
    name text not null unique,
    secret bytea not null,
    ref jsonb,
    endpoints jsonb not null default '[]',
    seen text check (seen in ('pending', 'running', 'paused', 'exited', 'absent')),
    created_at timestamptz not null default now(),
    made_at timestamptz,
    tombstoned_at timestamptz,
    removed_at timestamptz,
    primary key (session_id, generation)
  )`,
  `create index instance_provider on instance (provider_id, removed_at)`,

  `create table reservation (
    session_id text not null,
    generation int not null,
    account_id text not null,
    project_id text not null,
    provider_id text not null,
    ${resources},
    reserved_at timestamptz not null default now(),
    released_at timestamptz,
    primary key (session_id, generation)
  )`,
  `create index reservation_account on reservation (account_id) where released_at is null`,
  `create index reservation_project on reservation (project_id) where released_at is null`,
  `create index reservation_provider on reservation (provider_id) where released_at is null`,

  `create table session_usage (
    session_id text not null,
    generation int not null,
    account_id text not null,
    project_id text not null,
    provider_id text not null,
    template_id text not null,
    template_version int not null,
    ${resources},
    used_from timestamptz not null,
    used_to timestamptz not null,
    reason text,
    primary key (session_id, generation)
  )`,

  `create table session_event (
    session_id text not null references session,
    seq int not null,
    id bigint generated always as identity unique,
    epoch int not null,
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null default clock_timestamp(),
    type text not null,
    data jsonb not null,
    primary key (session_id, seq)
  )`,
  `create index session_event_feed on session_event (epoch, xid, id)`,

  `create table audit_event (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    account_id text,
    client text,
    on_behalf_of text,
    action text not null,
    subject_kind text not null,
    subject_id text,
    outcome text not null check (outcome in ('accepted', 'refused')),
    code text,
    request_id text,
    detail jsonb not null default '{}'
  )`,
  `create index audit_event_subject on audit_event (subject_kind, subject_id, id)`,
  `create function refuse_change() returns trigger language plpgsql as $$
    begin raise exception 'rows of % are never changed', tg_table_name; end $$`,
  `create trigger audit_event_append_only before update on audit_event for each row execute function refuse_change()`,
  `create trigger session_event_append_only before update on session_event for each row execute function refuse_change()`,

  `create table idempotency_key (
    account_id text not null references account,
    client text not null,
    operation text not null,
    key text not null,
    body_hmac text not null,
    resource_id text not null,
    created_at timestamptz not null default now(),
    primary key (account_id, client, operation, key)
  )`,
  `create index idempotency_key_age on idempotency_key (created_at)`,

  `create table beat (
    role text primary key,
    at timestamptz not null
  )`,
  `create table outage (
    role text not null,
    began_at timestamptz not null,
    ended_at timestamptz not null,
    primary key (role, began_at)
  )`,
  `create table dependency_status (
    name text primary key,
    state text not null check (state in ('ok', 'degraded', 'down')),
    latency_ms int,
    since timestamptz not null,
    checked_at timestamptz not null,
    detail text
  )`,

  `create function notify_wake() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_wake', ''); return null; end $$`,
  `create trigger session_wake after insert or update of wake_version on session
    for each row execute function notify_wake()`,
  `create function notify_event() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_event', new.session_id); return null; end $$`,
  `create trigger session_event_new after insert on session_event for each row execute function notify_event()`,
  `create function notify_provider() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_provider', new.id); return null; end $$`,
  `create trigger provider_change after insert or update on provider for each row execute function notify_provider()`,
]

const tables = [
  'dependency_status',
  'outage',
  'beat',
  'idempotency_key',
  'audit_event',
  'session_event',
  'session_usage',
  'reservation',
  'instance',
  'session',
  'template',
  'template_version',
  'storage_source',
  'provider_health',
  'provider',
  'quota',
  'quota_default',
  'project_member',
  'project',
  'token',
  'identity',
  'account',
  'installation',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const table of tables) await sql.raw(`drop table ${table} cascade`).execute(db)
  for (const name of ['refuse_change', 'notify_wake', 'notify_event', 'notify_provider'])
    await sql.raw(`drop function ${name}()`).execute(db)
}
