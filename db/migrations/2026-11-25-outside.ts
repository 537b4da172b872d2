import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // Whether any of its doors was ever wanted outside; most sessions never ask.
  `alter table session add column outside bool not null default false`,
  `create table outside_account (
    account_id text primary key references account,
    password bytea not null,
    token_node text,
    token bytea not null default '',
    token_hash bytea,
    made_at timestamptz not null default now(),
    check ((token_node is null) = (token_hash is null))
  )`,
  `create table outside_doors (
    session_id text not null references session on delete cascade,
    generation int not null,
    noted_at timestamptz not null default now(),
    ended_at timestamptz,
    closed_at timestamptz,
    primary key (session_id, generation),
    check (closed_at is null or ended_at is not null)
  )`,
  `create index outside_doors_open on outside_doors (session_id) where closed_at is null`,
  `create table outside_use (
    session_id text not null,
    generation int not null,
    door text not null check (door ~ '^[a-z][a-z0-9]{0,15}$'),
    mode text not null check (mode in ('control', 'view')),
    account_id text not null references account,
    wanted int not null default 1 check (wanted > 0),
    answered int not null default 0,
    url text,
    refused text,
    noted_at timestamptz,
    withdraw_at timestamptz,
    withdrawn_at timestamptz,
    primary key (session_id, generation, door, mode, account_id),
    foreign key (session_id, generation) references outside_doors on delete cascade
  )`,
  `create index outside_use_account on outside_use (account_id)`,
  `create index outside_use_due on outside_use (session_id, generation)
    where withdrawn_at is null and (answered < wanted or withdraw_at is not null)`,
]

const reverse = [
  'drop table outside_use',
  'drop table outside_doors',
  'drop table outside_account',
  'alter table session drop column outside',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
