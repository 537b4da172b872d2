import pg from 'pg'
import { applyConfiguration } from '../../db/bootstrap.ts'
import type { Db } from '../../db/connect.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import { plainTemplate } from './template.ts'

/** What the templates of such a site name: one provider of many, the five of a class, the only one of a class, all of a kind. */
export const placements: Readonly<Record<'one' | 'few' | 'alone' | 'all', TemplateSpec['provider']>> = {
  one: { id: 'p7' },
  few: { class: 'few' },
  alone: { class: 'alone' },
  all: { kind: 'fake' },
}

/** 99 providers beside `fake`, with 5 000 live sessions like this one, as many that have ended, and what the live ones hold. */
export async function addManyProviders(url: string, db: Db, like: SessionId): Promise<void> {
  await applyConfiguration(db, {
    providers: [{ id: 'fake', kind: 'fake', startLimit: 5, networks: [], settings: {} }],
    templates: Object.entries(placements).map(([name, provider]) => ({ name, spec: { ...plainTemplate, provider } })),
    quotaDefaults: { provider: { sessions: 1_000 } },
  })
  const sessions = (what: string, more: string) =>
    `insert into session select copy.* from session s, generate_series(1, 5000) n, jsonb_populate_record(s,
      jsonb_build_object('id', '${what}' || n, 'name', 'x', 'provider_id', 'p' || (1 + n % 99), ${more})) copy
    where s.id = '${like}'`
  // As the owner of the server writes a dump back: without triggers, for they would only make it slow.
  const client = new pg.Client({ connectionString: url, options: '-c session_replication_role=replica' })
  await client.connect()
  try {
    for (const statement of [
      `insert into provider (id, kind, origin, start_limit, classes) select 'p' || n, 'fake', 'api', 20,
        case when n <= 5 then '{few}'::text[] when n = 6 then '{alone}'::text[] else '{}' end from generate_series(1, 99) n`,
      `insert into provider_health (provider_id) select 'p' || n from generate_series(1, 99) n`,
      `insert into quota (payer_kind, payer_id) select 'provider', 'p' || n from generate_series(1, 99) n`,
      sessions('x', `'state', 'ready'`),
      sessions('y', `'state', 'stopped', 'reason', 'user', 'ended_at', now() - n * interval '1 minute'`),
      `insert into reservation select id, 1, owner_id, project_id, provider_id, 1, 500, 512, 0, 0, now(), ended_at
        from session where id ~ '^[xy]'`,
      'analyze',
    ])
      await client.query(statement)
  } finally {
    await client.end()
  }
}
