import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // No source: an admin's, from before anybody else could say it. Shared: an admin said that others may have the same.
  `alter table account
    add column posix_source text check (posix_source in ('admin', 'claim', 'ldap', 'csv')),
    add column posix_shared bool not null default false,
    add column posix_at timestamptz`,
  `create index account_posix_uid on account ((posix ->> 'uid')) where posix is not null`,
  `create index account_posix_user on account ((posix ->> 'user')) where posix is not null`,
  // As whom it runs, where that is its account's user.
  `alter table instance add column runs_as jsonb`,

  // Neither text nor address: nothing is asked of anybody from then on.
  `create table terms (
    version int primary key check (version > 0),
    title text not null,
    text text,
    url text,
    since timestamptz not null default now(),
    set_by text references account
  )`,
  `create index terms_set_by on terms (set_by)`,
  `create table account_terms (
    account_id text not null references account,
    version int not null references terms,
    accepted_at timestamptz not null default now(),
    primary key (account_id, version)
  )`,
  `create index account_terms_version on account_terms (version)`,

  // Who was its owner has no right to it any more.
  `create trigger session_owner_access after update of owner_id on session
    for each row when (old.owner_id is distinct from new.owner_id) execute function notify_access_own()`,
]

const reverse = [
  'drop trigger session_owner_access on session',
  'drop table account_terms',
  'drop table terms',
  'alter table instance drop column runs_as',
  'drop index account_posix_user',
  'drop index account_posix_uid',
  'alter table account drop column posix_at, drop column posix_shared, drop column posix_source',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
