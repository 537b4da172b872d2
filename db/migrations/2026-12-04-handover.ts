import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const forward = [
  `alter table token drop constraint token_scopes_check,
    add constraint token_scopes_check
    check (scopes <@ array['read', 'sessions', 'projects', 'tokens', 'admin', 'act-as', 'provision'])`,
  // Names are compared byte by byte: they are pages' places.
  `create table handover (
    id text primary key,
    provider_id text not null references provider,
    deployment_id text not null,
    name text collate "C" not null,
    session_id text not null,
    generation int not null check (generation > 0),
    spec jsonb not null,
    -- What only its taker is given; gone as soon as that says anything.
    sealed bytea,
    made_at timestamptz not null default now(),
    take_before timestamptz not null,
    status text not null default 'wanted' check (status in ('wanted', 'taken', 'running', 'failed', 'ended')),
    claim_hash bytea,
    taken_by text,
    taken_at timestamptz,
    said_at timestamptz,
    words text check (length(words) <= 500),
    host text,
    code text,
    exit_code int,
    unwanted_at timestamptz,
    gone_at timestamptz,
    version int not null default 1,
    unique (provider_id, deployment_id, name),
    check ((status = 'wanted') = (claim_hash is null)),
    check ((claim_hash is null) = (taken_at is null)),
    check (status <> 'running' or host is not null),
    check ((status = 'failed') = (code is not null)),
    check (gone_at is null or status <> 'wanted')
  )`,
  `create index handover_of_provisioner on handover (provider_id, id) where gone_at is null`,
  `create index handover_session on handover (session_id, generation)`,
]

const back = [
  'drop table handover',
  `update token set scopes = array_remove(scopes, 'provision') where 'provision' = any(scopes)`,
  `alter table token drop constraint token_scopes_check,
    add constraint token_scopes_check
    check (scopes <@ array['read', 'sessions', 'projects', 'tokens', 'admin', 'act-as'])`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of forward) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of back) await sql.raw(statement).execute(db)
}
