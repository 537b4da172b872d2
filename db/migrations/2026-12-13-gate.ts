import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const statements = [
  // When its issuer last said that it is in the groups that are let in, where groups decide. Null: never, or not any more.
  `alter table identity add column checked_at timestamptz`,
  `update identity i set checked_at = b.at
    from (select issuer, subject, max(checked_at) as at from browser_session group by issuer, subject) b
    where b.issuer = i.issuer and b.subject = i.subject`,

  // The issuers of which groups decide, as the api is configured, and how long their word counts for programs.
  `create table gated_issuer (
    issuer text primary key,
    holds_seconds int not null check (holds_seconds > 0)
  )`,
  `create view identity_standing as
    select i.issuer, i.subject, i.account_id,
      g.issuer is null or coalesce(i.checked_at > now() - g.holds_seconds * interval '1 second', false) as admitted
    from identity i left join gated_issuer g on g.issuer = i.issuer`,
  // Who acts for the people of an issuer.
  `create index token_issuer on token (issuer) where issuer is not null`,
]

const reverse = [
  'drop index token_issuer',
  // Nobody would refuse them any more.
  `update token set revoked_at = coalesce(revoked_at, now())
    where not coalesce((select bool_or(w.admitted) from identity_standing w where w.account_id = token.account_id), true)`,
  'drop view identity_standing',
  'drop table gated_issuer',
  'alter table identity drop column checked_at',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
