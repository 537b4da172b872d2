import { sql } from 'kysely'
import type { Db } from '../../db/connect.ts'
import type { AccountId } from '../../domain/ids.ts'

export interface Many {
  readonly projects: number
  readonly experimentsEach: number
  /** Projects of others, with as many experiments each. */
  readonly others: number
}

/** Gives the account many experiments, among those of others. One of a hundred is about glass. */
export async function addManyExperiments(
  db: Db,
  accountId: AccountId,
  { projects, experimentsEach, others }: Many,
): Promise<void> {
  await sql`
    insert into project (id, name)
    select 'p' || lpad(n::text, 12, '0'), 'Proposal ' || n from generate_series(1, ${projects + others}::int) n`.execute(
    db,
  )
  await sql`
    insert into project_member (project_id, account_id, role)
    select 'p' || lpad(n::text, 12, '0'), ${accountId}, 'editor' from generate_series(1, ${projects}::int) n`.execute(
    db,
  )
  await sql`
    insert into experiment (id, project_id, name, instrument, starts, ends)
    select 'e' || lpad((n * ${experimentsEach}::int + m)::text, 12, '0'), 'p' || lpad(n::text, 12, '0'),
      case when (n + m) % 100 = 0 then 'Glass' else 'Protein' end || ' ' || md5(n || ' ' || m),
      'ID' || lpad(((n + m) % 30)::text, 2, '0'),
      to_char(date '2010-01-01' + (n * 7919 + m * 104729) % 5000, 'YYYY-MM-DD'),
      to_char(date '2010-01-01' + (n * 7919 + m * 104729) % 5000 + 3, 'YYYY-MM-DD')
    from generate_series(1, ${projects + others}::int) n, generate_series(1, ${experimentsEach}::int) m`.execute(db)
  await sql`analyze project, project_member, experiment`.execute(db)
}
