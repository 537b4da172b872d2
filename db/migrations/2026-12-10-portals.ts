import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // Of a token that acts for others: whose accounts alone, and for which issuer it vouches.
  `alter table token
    add column issuer text,
    add column exchanged boolean not null default false,
    add check (issuer is null or 'act-as' = any(scopes))`,

  // A program that asks to be let in, until somebody answers in a browser. What it and the person show is here as hashes alone.
  `create table device_authorization (
    device_hash bytea primary key,
    user_digest text not null unique,
    token_id text not null unique,
    client text not null,
    scopes text[] not null check (scopes <@ array['read', 'sessions', 'projects', 'tokens', 'admin']),
    state text not null default 'pending' check (state in ('pending', 'approved', 'denied', 'taken')),
    account_id text references account on delete cascade,
    user_agent text,
    address text,
    interval_seconds int not null check (interval_seconds > 0),
    made_at timestamptz not null default now(),
    polled_at timestamptz,
    expires_at timestamptz not null,
    check ((account_id is null) = (state = 'pending'))
  )`,
  `create index device_authorization_account on device_authorization (account_id)`,
  `create index device_authorization_age on device_authorization (expires_at)`,
]

const reverse = [
  'drop table device_authorization',
  // Without the column they would act for everybody.
  'update token set revoked_at = coalesce(revoked_at, now()) where issuer is not null',
  'alter table token drop column issuer, drop column exchanged',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
