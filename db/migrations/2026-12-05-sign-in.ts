import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // What an identity's issuer said of it at its last sign-in. An address counts only where the issuer has verified it.
  `alter table identity
    add column created_at timestamptz not null default now(),
    add column signed_in_at timestamptz,
    add column email text,
    add column email_verified boolean not null default false,
    add column display_name text,
    add column claims jsonb not null default '{}',
    add check (email is not null or not email_verified)`,
  `create index identity_email on identity (lower(email)) where email_verified`,

  // A token that lives in a browser's cookie: it also ends by not being used.
  `alter table token add column idle_until timestamptz`,
  `create table browser_session (
    token_id text primary key references token on delete cascade,
    account_id text not null references account,
    issuer text not null,
    subject text not null,
    sid text,
    ends_at timestamptz not null,
    idle_seconds int not null check (idle_seconds > 0),
    user_agent text,
    address text,
    -- When its issuer last said that it may be signed in, where that is asked again and again; the next try.
    checked_at timestamptz,
    check_at timestamptz,
    tokens bytea not null default ''
  )`,
  `create index browser_session_account on browser_session (account_id, token_id)`,
  `create index browser_session_sid on browser_session (issuer, sid) where sid is not null`,
  `create index browser_session_subject on browser_session (issuer, subject)`,
  `create index browser_session_age on browser_session (ends_at)`,
  `create index browser_session_check on browser_session (check_at) where check_at is not null`,

  // A sign-in that is under way. What proves it is in the browser's cookie; here are hashes alone.
  `create table sign_in (
    state_hash bytea primary key,
    binding_hash bytea not null,
    issuer text not null,
    return_url text not null,
    link_account_id text references account on delete cascade,
    link_token_id text references token on delete cascade,
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    check ((link_account_id is null) = (link_token_id is null))
  )`,
  `create index sign_in_age on sign_in (expires_at)`,
  `create index sign_in_account on sign_in (link_account_id)`,
  `create index sign_in_token on sign_in (link_token_id)`,
  `create table logout_token (
    issuer text not null,
    jti text not null,
    expires_at timestamptz not null,
    primary key (issuer, jti)
  )`,
  `create index logout_token_age on logout_token (expires_at)`,
]

const reverse = [
  'drop table logout_token',
  'drop table sign_in',
  // Without the table nothing would end them in time, or keep them out of the lists.
  'update token set revoked_at = coalesce(revoked_at, now()) from browser_session b where b.token_id = token.id',
  'drop table browser_session',
  'alter table token drop column idle_until',
  'drop index identity_email',
  `alter table identity
    drop column created_at, drop column signed_in_at, drop column email, drop column email_verified,
    drop column display_name, drop column claims`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
