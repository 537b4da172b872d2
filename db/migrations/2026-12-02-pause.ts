import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // The wish and its number are the api's; up to which number all is settled, and what came of it, the activities'.
  `alter table session
    add column pause_wish text check (pause_wish in ('pause', 'resume')),
    add column pause_wish_number int not null default 0,
    add column pause_settled_number int not null default 0,
    add column resumes_by text check (resumes_by in ('wakes', 'remakes')),
    add column remade_number int not null default 0,
    add column resume_refusal jsonb,
    add check ((pause_wish is null) = (pause_wish_number = 0)),
    add check (pause_settled_number <= pause_wish_number and remade_number <= pause_wish_number)`,
  // What a generation holds changes as it rests: each vector is metered by itself.
  'alter table reservation add column part int not null default 1',
  `alter table session_usage
    add column part int not null default 1,
    drop constraint session_usage_pkey,
    add primary key (session_id, generation, part)`,
]

const reverse = [
  'delete from session_usage where part > 1',
  `alter table session_usage
    drop constraint session_usage_pkey,
    drop column part,
    add primary key (session_id, generation)`,
  'alter table reservation drop column part',
  `alter table session
    drop column pause_wish, drop column pause_wish_number, drop column pause_settled_number, drop column resumes_by,
    drop column remade_number, drop column resume_refusal`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
