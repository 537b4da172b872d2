import { sql } from 'kysely'
import type { Db } from './connect.ts'

export type DependencyState = 'ok' | 'degraded' | 'down'

export interface Noted {
  /** How it was before, `null` where nobody had noted anything: of many who note the same change one is told of it. */
  readonly before: DependencyState | null
  /** When this was noted, to the microsecond; `null`: it was not, for others are served. */
  readonly at: string | null
}

/** What was noted longer ago is the word of a process that is gone: each notes what it finds every 10 s. */
const trustedSeconds = 30

/**
 * Notes how something that Carrel depends on answered just now; since when it is so is kept while it stays so. One process that
 * cannot reach it does not speak for all: that it is not `ok` counts where nobody else has found it so lately. `mine`: when this
 * process last noted something, so that it may take back its own word at once.
 */
export async function recordDependency(
  db: Db,
  name: string,
  seen: { readonly state: DependencyState; readonly latencyMs: number | null },
  mine: string | null,
): Promise<Noted> {
  return await db.transaction().execute(async (trx) => {
    const present = await trx
      .selectFrom('dependency_status')
      .select(['state', sql<string>`checked_at::text`.as('checked_at')])
      .select(sql<boolean>`checked_at > now() - ${trustedSeconds}::int * interval '1 second'`.as('trusted'))
      .where('name', '=', name)
      .forNoKeyUpdate()
      .executeTakeFirst()
    const before = present?.state ?? null
    const isOthers = (present?.checked_at ?? null) !== mine
    if (seen.state !== 'ok' && before === 'ok' && present?.trusted === true && isOthers) return { before, at: null }
    const { rows } = await sql<{ checked_at: string }>`
      insert into dependency_status (name, state, latency_ms, since, checked_at)
      values (${name}, ${seen.state}, ${seen.latencyMs}, now(), now())
      on conflict (name) do update set state = excluded.state, latency_ms = excluded.latency_ms, checked_at = now(),
        since = case when dependency_status.state = excluded.state then dependency_status.since else now() end
      returning checked_at::text
    `.execute(trx)
    return { before, at: rows[0]?.checked_at ?? null }
  })
}
