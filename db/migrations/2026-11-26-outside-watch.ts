import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // An account that is to be removed outside; its row goes when it was.
  `alter table outside_account add column remove_requested_at timestamptz`,
  `create index outside_account_removal on outside_account (remove_requested_at) where remove_requested_at is not null`,
  // When the account's token was known to live.
  `alter table outside_use add column opened_at timestamptz`,
  `create index outside_use_standing on outside_use (session_id, generation) where noted_at is not null`,
  `create index outside_doors_age on outside_doors (closed_at) where closed_at is not null`,

  // A tunnel that stands at a gateway outside, by its name there.
  `alter table tunnel add column outside_id text`,
  `create unique index tunnel_outside on tunnel (outside_id) where outside_id is not null and closed_at is null`,

  // What is at the gateway and should not be: acted on when it was seen often and long enough.
  `create table outside_drift (
    kind text not null check (kind in ('connection', 'user', 'tunnel', 'orphan', 'unknown')),
    subject text not null,
    seen int not null default 1,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    primary key (kind, subject)
  )`,

  // Whoever waits for an answer, and who looks after what is open, hear of it.
  `create trigger outside_use_access after update of answered, withdrawn_at on outside_use
    for each row when (old.answered is distinct from new.answered or old.withdrawn_at is distinct from new.withdrawn_at)
    execute function notify_access_session()`,
]

const reverse = [
  'drop trigger outside_use_access on outside_use',
  'drop table outside_drift',
  'drop index tunnel_outside',
  'alter table tunnel drop column outside_id',
  'drop index outside_doors_age',
  'drop index outside_use_standing',
  'alter table outside_use drop column opened_at',
  'alter table outside_account drop column remove_requested_at',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
