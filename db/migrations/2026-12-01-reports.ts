import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const forward = [
  // The token is sealed, and gone with the instance; its hash stays, so that whoever comes late with it is told why.
  `alter table instance
    add column report_token bytea,
    add column report_hash bytea,
    add column reported jsonb,
    add column reported_at timestamptz,
    add column pending_reason text,
    add column ends_at timestamptz,
    add column usage jsonb`,
  `create unique index instance_report on instance (report_hash) where report_hash is not null`,
  `alter table session add column expected_start_at timestamptz`,
  // What the backend itself counted, where it counts.
  `alter table session_usage
    add column wall_seconds float8,
    add column cpu_seconds float8,
    add column gpu_seconds float8`,
]

const back = [
  `alter table session_usage drop column wall_seconds, drop column cpu_seconds, drop column gpu_seconds`,
  `alter table session drop column expected_start_at`,
  `drop index instance_report`,
  `alter table instance
    drop column report_token, drop column report_hash, drop column reported, drop column reported_at,
    drop column pending_reason, drop column ends_at, drop column usage`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of forward) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of back) await sql.raw(statement).execute(db)
}
