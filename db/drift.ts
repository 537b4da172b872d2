import { sql } from 'kysely'
import type { ProviderId } from '../domain/ids.ts'
import { isCertain } from '../domain/reconciliation.ts'
import type { Drift, JudgedDrift } from '../domain/reconciliation.ts'
import type { Db, Executor } from './connect.ts'

interface Sighted {
  readonly kind: string
  readonly subject: string
  readonly seen: number
  readonly since_ms: number
}

/** Keeps what this survey found to differ, forgets what differs no longer, and says what has differed long enough. */
export async function noteDrift(
  db: Db,
  providerId: ProviderId,
  drifts: readonly Drift[],
  graceMs: number,
): Promise<JudgedDrift[]> {
  const { rows } = await sql<Sighted>`
    with found as (select distinct kind, subject
      from jsonb_to_recordset(${JSON.stringify(drifts)}::jsonb) as f(kind text, subject text)),
    gone as (delete from drift d where provider_id = ${providerId}
      and not exists (select from found f where f.kind = d.kind and f.subject = d.subject))
    insert into drift as d (provider_id, kind, subject) select ${providerId}, kind, subject from found
    on conflict (provider_id, kind, subject) do update set seen = d.seen + 1, last_seen_at = now(),
      -- A clock that was set back leaves nothing waiting for a time that it has been already.
      first_seen_at = least(d.first_seen_at, now())
    returning kind, subject, seen, (extract(epoch from now() - first_seen_at) * 1000)::float8 as since_ms
  `.execute(db)
  return judge(drifts, rows, graceMs)
}

/** What a survey that changes nothing says of the same. */
export async function readDrift(
  executor: Executor,
  providerId: ProviderId,
  drifts: readonly Drift[],
  graceMs: number,
): Promise<JudgedDrift[]> {
  const { rows } = await sql<Sighted>`
    select kind, subject, seen + 1 as seen, (extract(epoch from now() - first_seen_at) * 1000)::float8 as since_ms
    from drift where provider_id = ${providerId}
  `.execute(executor)
  return judge(drifts, rows, graceMs)
}

function judge(drifts: readonly Drift[], rows: readonly Sighted[], graceMs: number): JudgedDrift[] {
  const sighted = new Map(rows.map((row) => [`${row.kind} ${row.subject}`, row]))
  return drifts.map((drift) => {
    const row = sighted.get(`${drift.kind} ${drift.subject}`)
    const sightings = { seen: row?.seen ?? 1, sinceMs: row?.since_ms ?? 0 }
    return { ...drift, certain: isCertain(drift, sightings, graceMs) }
  })
}
