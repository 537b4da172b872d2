import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** Has the workflows of invitations look. One that is locked is being looked after: nobody waits here, so in no circle. */
const waking = (condition: string) => `
    update invitation set wake_version = wake_version + 1, next_try_at = now(), tries = 0
    where id in (select id from invitation where ended_at is null and ${condition} for no key update skip locked)`

const statements = [
  // The code is sealed, and emptied when the invitation has ended; its hash stays, so that a late click is told what became of it.
  `create table invitation (
    id text primary key,
    project_id text not null references project,
    session_id text references session on delete cascade,
    role text check (role in ('owner', 'editor', 'viewer')),
    mode text check (mode in ('view', 'control')),
    inviter_id text not null references account,
    email text not null,
    anyone boolean not null default false,
    language text not null,
    delivery text not null check (delivery in ('mail', 'link')),
    code_hash bytea not null unique,
    code bytea not null,
    state text not null check (state in ('sending', 'sent', 'accepted', 'declined', 'expired', 'revoked', 'bounced')),
    state_since timestamptz not null default now(),
    reason text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    remind_at timestamptz,
    accepted_by text references account,
    ended_at timestamptz,
    event_seq int not null default 0,
    wake_version int not null default 1,
    seen_version int not null default 0,
    next_try_at timestamptz not null default now(),
    tries int not null default 0,
    due_at timestamptz not null default now(),
    check ((session_id is null) = (role is not null)),
    check ((session_id is null) = (mode is null)),
    check ((ended_at is null) = (state in ('sending', 'sent'))),
    check (accepted_by is null or state = 'accepted'),
    check (ended_at is null or length(code) = 0)
  )`,
  // The same person and place once at a time.
  `create unique index invitation_place on invitation (project_id, coalesce(session_id, ''), email)
    where ended_at is null and email <> ''`,
  'create index invitation_of_project on invitation (project_id, id)',
  'create index invitation_of_session on invitation (session_id, id)',
  'create index invitation_of_inviter on invitation (inviter_id, id)',
  'create index invitation_of_email on invitation (email, id)',
  'create index invitation_accepted_by on invitation (accepted_by)',
  'create index invitation_due on invitation (next_try_at) where ended_at is null or seen_version < wake_version',
  'create index invitation_ended on invitation (ended_at) where ended_at is not null',

  // Each mail that is meant is a row before it is tried, and has one Message-ID for all its tries.
  `create table invitation_mail (
    invitation_id text not null references invitation on delete cascade,
    number int not null check (number > 0),
    kind text not null check (kind in ('first', 'resend', 'reminder')),
    wanted_at timestamptz not null default now(),
    next_try_at timestamptz not null default now(),
    tries int not null default 0,
    began_at timestamptz,
    problem text,
    ended_at timestamptz,
    outcome text check (outcome in ('sent', 'refused', 'void')),
    primary key (invitation_id, number),
    check ((ended_at is null) = (outcome is null))
  )`,
  'create unique index invitation_mail_open on invitation_mail (invitation_id) where ended_at is null',
  'create index invitation_mail_wanted on invitation_mail (wanted_at)',

  `create table invitation_event (
    invitation_id text not null references invitation on delete cascade,
    seq int not null,
    at timestamptz not null default now(),
    type text not null,
    data jsonb not null default '{}',
    primary key (invitation_id, seq)
  )`,

  `create function notify_invitation() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_invitation', new.id); return null; end $$`,
  `create trigger invitation_made after insert on invitation for each row execute function notify_invitation()`,
  `create trigger invitation_woken after update of wake_version on invitation
    for each row when (new.wake_version is distinct from old.wake_version) execute function notify_invitation()`,

  // What invitations stand on tells them when it goes away.
  `create function wake_invitations_of_member() returns trigger language plpgsql as $$
    begin ${waking('project_id = old.project_id and inviter_id = old.account_id')}; return null; end $$`,
  `create trigger member_wakes_invitations after update or delete on project_member
    for each row execute function wake_invitations_of_member()`,
  `create function wake_invitations_of_project() returns trigger language plpgsql as $$
    begin ${waking('project_id = new.id')}; return null; end $$`,
  `create trigger project_wakes_invitations after update of closed_at on project
    for each row when (new.closed_at is distinct from old.closed_at) execute function wake_invitations_of_project()`,
  `create function wake_invitations_of_account() returns trigger language plpgsql as $$
    begin ${waking('inviter_id = new.id')}; return null; end $$`,
  `create trigger account_wakes_invitations after update of disabled_at, roles on account
    for each row when (new.disabled_at is distinct from old.disabled_at or new.roles is distinct from old.roles)
    execute function wake_invitations_of_account()`,
  `create function wake_invitations_of_session() returns trigger language plpgsql as $$
    begin ${waking('session_id = new.id')}; return null; end $$`,
  `create trigger session_wakes_invitations after update of stop_requested_at, ended_at, owner_id on session
    for each row when (new.stop_requested_at is distinct from old.stop_requested_at
      or new.ended_at is distinct from old.ended_at or new.owner_id is distinct from old.owner_id)
    execute function wake_invitations_of_session()`,
]

const reverse = [
  'drop trigger session_wakes_invitations on session',
  'drop trigger account_wakes_invitations on account',
  'drop trigger project_wakes_invitations on project',
  'drop trigger member_wakes_invitations on project_member',
  'drop table invitation_event',
  'drop table invitation_mail',
  'drop table invitation',
  'drop function wake_invitations_of_session()',
  'drop function wake_invitations_of_account()',
  'drop function wake_invitations_of_project()',
  'drop function wake_invitations_of_member()',
  'drop function notify_invitation()',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
