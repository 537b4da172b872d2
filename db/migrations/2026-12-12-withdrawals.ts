import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const isData = `@? '$[*].source.kind ? (@ == "experiment" || @ == "dataset")'`

/** Whom an owner let in, as far as template and project still allow it; with their data mounted, members alone. */
const standing = (holdsData: string, mayHaveData: (account: string, alsoWhere: string) => string) => `
  create or replace view standing_collaborator as
    select c.session_id, c.account_id, c.mode
    from collaborator c
    join session s on s.id = c.session_id
    join project p on p.id = s.project_id
    join template_version v on v.template_id = s.template_id and v.version = s.template_version
    left join project_member m on m.project_id = s.project_id and m.account_id = c.account_id
    where c.account_id <> s.owner_id and p.sharing <> 'off' and coalesce(v.spec ->> 'sharing', 'off') <> 'off'
      and (m.role is not null or (p.sharing = 'invited' and v.spec ->> 'sharing' = 'invited' and not ${holdsData}))
      and exists (select from project_member o
        where o.project_id = s.project_id and o.account_id = s.owner_id and o.role <> 'viewer')
      and (s.experiment_id is null
        or (${mayHaveData('c.account_id', '')} and ${mayHaveData('s.owner_id', ` and x.role <> 'viewer'`)}))`

const forward = [
  // What of its experiment an instance was made with: {datasets: [{path, mode?}], uid, gid}; null: of none, or nobody noted it.
  'alter table instance add column of_experiment jsonb',
  `create function holds_data(s session) returns boolean language sql immutable
    as $$ select s.experiment_id is not null or s.mounts ${isData} $$`,
  // Who may use what a session has of its experiment: nobody, once the experiment says something else than the instance was made with.
  `create view data_right as
    select s.id as session_id, x.account_id, x.role
    from session s
    join experiment e on e.id = s.experiment_id
    join experiment_access x on x.experiment_id = e.id
    where not exists (select from instance i
      where i.session_id = s.id and i.generation = s.generation and i.removed_at is null
        and not jsonb_build_object('datasets', e.datasets, 'uid', e.uid, 'gid', e.gid) @> i.of_experiment)`,
  standing(
    'holds_data(s)',
    (account, also) =>
      `exists (select from data_right x where x.session_id = s.id and x.account_id = ${account}${also})`,
  ),
  // Builds before this one write it still; nobody reads it.
  `comment on column invitation.due_at is 'of no use since next_try_at says when its workflow is told'`,
  // Whom a catalogue means by a login.
  `create index identity_login on identity ((claims ->> 'login')) where claims ->> 'login' is not null`,
]

const reverse = [
  'comment on column invitation.due_at is null',
  'drop index identity_login',
  standing(
    `(s.experiment_id is not null or s.mounts ${isData})`,
    (account, also) =>
      `exists (select from experiment_access x where x.experiment_id = s.experiment_id and x.account_id = ${account}${also})`,
  ),
  'drop view data_right',
  'drop function holds_data',
  'alter table instance drop column of_experiment',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of forward) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
