import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** Whom an owner let in, as far as template and project still allow it; with their data mounted, members alone. */
const standing = (alsoWhere: string) => `
  create or replace view standing_collaborator as
    select c.session_id, c.account_id, c.mode
    from collaborator c
    join session s on s.id = c.session_id
    join project p on p.id = s.project_id
    join template_version v on v.template_id = s.template_id and v.version = s.template_version
    left join project_member m on m.project_id = s.project_id and m.account_id = c.account_id
    where c.account_id <> s.owner_id and p.sharing <> 'off' and coalesce(v.spec ->> 'sharing', 'off') <> 'off'
      and (m.role is not null or (p.sharing = 'invited' and v.spec ->> 'sharing' = 'invited'
        and not s.mounts @? '$[*].source.kind ? (@ == "experiment" || @ == "dataset")'))
      ${alsoWhere}`

// What an owner has lost in the project, nobody has of them.
const ofUsers = `and exists (select from project_member o
  where o.project_id = s.project_id and o.account_id = s.owner_id and o.role <> 'viewer')`

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(standing(ofUsers)).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql.raw(standing('')).execute(db)
}
