import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const mode = `mode text not null check (mode in ('control', 'view'))`

const statements = [
  `alter table session
    add column degraded_at timestamptz,
    add column degraded_reason text,
    add check ((degraded_at is null) = (degraded_reason is null))`,
  `alter table project
    add column sharing text not null default 'members' check (sharing in ('off', 'members', 'invited'))`,

  `create table collaborator (
    session_id text not null references session on delete cascade,
    account_id text not null references account,
    ${mode},
    added_at timestamptz not null default now(),
    primary key (session_id, account_id)
  )`,
  `create index collaborator_account on collaborator (account_id, session_id)`,
  // Whom an owner let in, as far as template and project still allow it; with their data mounted, members alone.
  `create view standing_collaborator as
    select c.session_id, c.account_id, c.mode
    from collaborator c
    join session s on s.id = c.session_id
    join project p on p.id = s.project_id
    join template_version v on v.template_id = s.template_id and v.version = s.template_version
    left join project_member m on m.project_id = s.project_id and m.account_id = c.account_id
    where c.account_id <> s.owner_id and p.sharing <> 'off' and coalesce(v.spec ->> 'sharing', 'off') <> 'off'
      and (m.role is not null or (p.sharing = 'invited' and v.spec ->> 'sharing' = 'invited'
        and not s.mounts @? '$[*].source.kind ? (@ == "experiment" || @ == "dataset")'))`,

  `create table door_ticket (
    hash bytea primary key,
    session_id text not null references session on delete cascade,
    door text not null,
    ${mode},
    account_id text not null references account,
    token_id text not null references token,
    host text not null,
    path text not null,
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
  )`,
  `create index door_ticket_session on door_ticket (session_id)`,
  `create index door_ticket_account on door_ticket (account_id)`,
  `create index door_ticket_token on door_ticket (token_id)`,
  `create index door_ticket_age on door_ticket (expires_at)`,

  // A pass is good until it has ended; the connection that it stands for is open while it is used.
  `create table door_pass (
    id text primary key,
    hash bytea not null unique,
    session_id text not null references session on delete cascade,
    door text not null,
    ${mode},
    account_id text not null references account,
    token_id text not null references token,
    host text not null,
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz not null default now(),
    opened_at timestamptz not null default now(),
    closed_at timestamptz,
    ended_at timestamptz,
    end_reason text,
    check ((ended_at is null) = (end_reason is null)),
    check (ended_at is null or closed_at is not null)
  )`,
  `create index door_pass_session on door_pass (session_id)`,
  `create index door_pass_account on door_pass (account_id)`,
  `create index door_pass_token on door_pass (token_id)`,
  `create index door_pass_live on door_pass (used_at) where ended_at is null`,
  `create index door_pass_age on door_pass (expires_at)`,

  `create table tunnel (
    id text primary key,
    pass_id text not null references door_pass on delete cascade,
    session_id text not null references session on delete cascade,
    gateway_id text not null,
    kind text not null check (kind in ('websocket', 'desktop', 'stream')),
    remote_address text not null,
    opened_at timestamptz not null default now(),
    touched_at timestamptz not null default now(),
    last_input_at timestamptz,
    bytes_in bigint not null default 0 check (bytes_in >= 0),
    bytes_out bigint not null default 0 check (bytes_out >= 0),
    cut_requested_at timestamptz,
    closed_at timestamptz,
    close_reason text,
    check ((closed_at is null) = (close_reason is null))
  )`,
  `create index tunnel_pass on tunnel (pass_id)`,
  `create index tunnel_session on tunnel (session_id, id)`,
  `create index tunnel_open on tunnel (gateway_id) where closed_at is null`,
  `create index tunnel_age on tunnel (closed_at) where closed_at is not null`,

  `create table gateway (
    id text primary key,
    started_at timestamptz not null default now(),
    beat_at timestamptz not null default now()
  )`,

  // idle_since: the spell that the warning and the stop are about; input ends it.
  `create table session_activity (
    session_id text primary key references session on delete cascade,
    last_input_at timestamptz,
    idle_since timestamptz,
    warned_at timestamptz,
    stop_at timestamptz,
    check ((idle_since is null) = (warned_at is null) and (idle_since is null) = (stop_at is null))
  )`,
  `create table door_failure (
    session_id text not null references session on delete cascade,
    door text not null,
    since timestamptz not null default now(),
    primary key (session_id, door)
  )`,

  `create function notify_access() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_access', ''); return null; end $$`,
  `create function notify_access_session() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_access', coalesce(new.session_id, old.session_id)); return null; end $$`,
  `create function notify_access_own() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_access', new.id); return null; end $$`,
  `create trigger session_access after update of stop_requested_at, state, expires_at, lifetime_ends_at on session
    for each row when (old.stop_requested_at is distinct from new.stop_requested_at
      or old.expires_at is distinct from new.expires_at or old.lifetime_ends_at is distinct from new.lifetime_ends_at
      or (old.state = 'ready' and new.state <> 'ready'))
    execute function notify_access_own()`,
  `create trigger account_access after update of disabled_at on account
    for each row when (old.disabled_at is distinct from new.disabled_at) execute function notify_access()`,
  `create trigger token_access after update of revoked_at, expires_at on token
    for each row when (old.revoked_at is distinct from new.revoked_at or old.expires_at is distinct from new.expires_at)
    execute function notify_access()`,
  `create trigger project_access after update of sharing on project
    for each row when (old.sharing is distinct from new.sharing) execute function notify_access()`,
  `create trigger project_member_access after update or delete on project_member
    for each statement execute function notify_access()`,
  `create trigger provider_access after update of networks on provider
    for each row when (old.networks is distinct from new.networks) execute function notify_access()`,
  `create trigger collaborator_access after insert or update or delete on collaborator
    for each row execute function notify_access_session()`,
  `create trigger door_pass_access after update of ended_at on door_pass
    for each row when (new.ended_at is not null and old.ended_at is null) execute function notify_access_session()`,
  `create trigger tunnel_access after update of cut_requested_at on tunnel
    for each row when (new.cut_requested_at is not null and old.cut_requested_at is null)
    execute function notify_access_session()`,
]

const triggers: Readonly<Record<string, string>> = {
  session_access: 'session',
  account_access: 'account',
  token_access: 'token',
  project_access: 'project',
  project_member_access: 'project_member',
  provider_access: 'provider',
}

const reverse = [
  ...Object.entries(triggers).map(([name, table]) => `drop trigger ${name} on ${table}`),
  'drop view standing_collaborator',
  ...['door_failure', 'session_activity', 'gateway', 'tunnel', 'door_pass', 'door_ticket', 'collaborator'].map(
    (table) => `drop table ${table}`,
  ),
  ...['notify_access', 'notify_access_session', 'notify_access_own'].map((name) => `drop function ${name}()`),
  'alter table project drop column sharing',
  'alter table session drop column degraded_at, drop column degraded_reason',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
