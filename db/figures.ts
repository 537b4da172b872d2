import { sql } from 'kysely'
import type { Executor } from './connect.ts'

/** How the whole installation stands, in numbers that alarms can be set on. Counted from rows when asked. */
export interface Figures {
  readonly sessionsByState: readonly { readonly state: string; readonly sessions: number }[]
  /** Undecided for more than 10 s: no worker, no Temporal, or no room in the database. */
  readonly decisionOverdue: number
  /** Cleaning that takes longer than its limit; it goes on, and what is reserved stays held. */
  readonly cleanupOverdue: number
  /** Wishes that no workflow has seen for more than 10 s. */
  readonly undelivered: number
  readonly openBreakers: readonly string[]
  /** Seconds since the last whole list of each provider. */
  readonly listAgeSeconds: readonly { readonly provider: string; readonly seconds: number }[]
}

export async function readFigures(db: Executor): Promise<Figures> {
  const states = await sql<{ state: string; sessions: number }>`
    select state, count(*)::int as sessions from session where ended_at is null group by state order by state`.execute(
    db,
  )
  const overdue = await sql<{ decision: number; cleanup: number; undelivered: number }>`
    select count(*) filter (where state = 'requested' and requested_at < now() - interval '10 seconds')::int as decision,
      count(*) filter (where cleanup_overdue_at is not null)::int as cleanup,
      count(*) filter (where seen_version < wake_version and tries > 1)::int as undelivered
    from session where ended_at is null`.execute(db)
  const health = await sql<{ provider: string; open: boolean; seconds: number | null }>`
    select provider_id as provider, state <> 'closed' as open,
      extract(epoch from now() - observed_at)::float8 as seconds
    from provider_health order by provider_id`.execute(db)
  return {
    sessionsByState: states.rows,
    decisionOverdue: overdue.rows[0]?.decision ?? 0,
    cleanupOverdue: overdue.rows[0]?.cleanup ?? 0,
    undelivered: overdue.rows[0]?.undelivered ?? 0,
    openBreakers: health.rows.filter((row) => row.open).map((row) => row.provider),
    listAgeSeconds: health.rows.flatMap(({ provider, seconds }) => (seconds === null ? [] : [{ provider, seconds }])),
  }
}
