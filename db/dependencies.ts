import { sql } from 'kysely'
import type { Db } from './connect.ts'

export type DependencyState = 'ok' | 'degraded' | 'down'

/**
 * Notes how something that Carrel depends on answered just now; since when it is so is kept while it stays so. Returns how it
 * was before, `null` where nobody had noted anything: of many who note the same change one is told of it.
 */
export async function recordDependency(
  db: Db,
  name: string,
  seen: { readonly state: DependencyState; readonly latencyMs: number | null },
): Promise<DependencyState | null> {
  return await db.transaction().execute(async (trx) => {
    const before = await trx
      .selectFrom('dependency_status')
      .select('state')
      .where('name', '=', name)
      .forNoKeyUpdate()
      .executeTakeFirst()
    await sql`
      insert into dependency_status (name, state, latency_ms, since, checked_at)
      values (${name}, ${seen.state}, ${seen.latencyMs}, now(), now())
      on conflict (name) do update set state = excluded.state, latency_ms = excluded.latency_ms, checked_at = now(),
        since = case when dependency_status.state = excluded.state then dependency_status.since else now() end
    `.execute(trx)
    return before?.state ?? null
  })
}
