import { sql } from 'kysely'
import type { Db } from './connect.ts'

/** Notes how something that Carrel depends on answered just now; since when it is so is kept while it stays so. */
export async function recordDependency(
  db: Db,
  name: string,
  seen: { readonly state: 'ok' | 'degraded' | 'down'; readonly latencyMs: number | null },
): Promise<void> {
  await sql`
    insert into dependency_status (name, state, latency_ms, since, checked_at)
    values (${name}, ${seen.state}, ${seen.latencyMs}, now(), now())
    on conflict (name) do update set state = excluded.state, latency_ms = excluded.latency_ms, checked_at = now(),
      since = case when dependency_status.state = excluded.state then dependency_status.since else now() end
  `.execute(db)
}
