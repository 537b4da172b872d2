import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // A token that is not sent: requests are signed with it, and so it is kept, sealed. Emptied when it is revoked.
  `create table hawk_key (
    token_id text primary key references token on delete cascade,
    key bytea not null
  )`,
  // What was signed once is not taken again for as long as its time would be.
  `create table hawk_nonce (
    token_id text not null references hawk_key on delete cascade,
    ts bigint not null,
    nonce text not null,
    expires_at timestamptz not null,
    primary key (token_id, ts, nonce)
  )`,
  `create index hawk_nonce_age on hawk_nonce (expires_at)`,
]

const reverse = [
  'drop table hawk_nonce',
  // Without the table they would be listed as tokens, whose secret nobody has.
  'update token set revoked_at = coalesce(revoked_at, now()) from hawk_key h where h.token_id = token.id',
  'drop table hawk_key',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
