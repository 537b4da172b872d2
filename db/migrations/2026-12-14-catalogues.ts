import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const outcomes = (...names: readonly string[]) =>
  `alter table catalogue_sync drop constraint catalogue_sync_outcome_check,
    add constraint catalogue_sync_outcome_check check (outcome in (${names.map((name) => `'${name}'`).join(', ')}))`

const statements = [
  outcomes('done', 'withheld', 'denied', 'unreachable', 'disarmed', 'failed'),
  // When a run last carried it on, and how much it has changed so far.
  `alter table catalogue_sync add column seen_at timestamptz, add column changed int not null default 0`,
  // A list that comes in parts: which this is, and where the catalogue says that the next begins.
  `alter table catalogue_listing add column part int not null default 0, add column next text,
    drop constraint catalogue_listing_pkey, add primary key (sync_id, account_id, part)`,
  `alter table catalogue_listing add column gap text check (gap in ('away', 'refused', 'denied'))`,
  `update catalogue_listing set gap = 'away' where listing is null`,
  `alter table catalogue_listing add check ((listing is null) = (gap is not null))`,
  // By then everybody's was to be read again.
  `alter table catalogue_standing add column fresh_until timestamptz`,
  // Which catalogue says the role; null: people here.
  `alter table project_member add column role_source text`,
]

const reverse = [
  'alter table project_member drop column role_source',
  'alter table catalogue_standing drop column fresh_until',
  'alter table catalogue_listing drop column gap',
  'delete from catalogue_listing where part > 0',
  `alter table catalogue_listing drop constraint catalogue_listing_pkey, drop column part, drop column next,
    add primary key (sync_id, account_id)`,
  'alter table catalogue_sync drop column seen_at, drop column changed',
  `update catalogue_sync set outcome = 'unreachable' where outcome = 'denied'`,
  `update catalogue_sync set outcome = 'failed' where outcome = 'disarmed'`,
  outcomes('done', 'withheld', 'unreachable', 'failed'),
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
