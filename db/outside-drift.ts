import { sql } from 'kysely'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { OutsideBooks, OutsideThing, Sighting, Stray } from '../domain/outside-sweep.ts'
import type { Db, Executor } from './connect.ts'

/** What the rows say about what was listed, read after the list: what is new in it has its rows by then. */
export async function readOutsideBooks(executor: Executor, things: readonly OutsideThing[]): Promise<OutsideBooks> {
  const sessionIds = things.flatMap((thing) => {
    if (thing.kind === 'connection') return [thing.sessionId]
    return thing.kind === 'tunnel' ? [thing.tunnel.sessionId] : []
  })
  const sessions = await sql<{ id: SessionId; generation: number; ended: boolean }>`
    select id, generation, ended_at is not null as ended from session where id = any(${sessionIds}::text[])`.execute(
    executor,
  )
  const accounts = await sql<{ id: AccountId }>`
    select id from account
    where id = any(${things.flatMap((thing) => (thing.kind === 'user' ? [thing.accountId] : []))}::text[])`.execute(
    executor,
  )
  const uses = await sql<OutsideBooks['uses'][number]>`
    select u.session_id as "sessionId", u.generation, u.door, u.account_id as "accountId"
    from outside_use u join outside_doors d using (session_id, generation)
    where u.noted_at is not null or (d.ended_at is null and u.answered < u.wanted)`.execute(executor)
  return {
    sessions: new Map(sessions.rows.map(({ id, generation, ended }) => [id, { generation, ended }])),
    accounts: new Set(accounts.rows.map(({ id }) => id)),
    uses: uses.rows,
  }
}

/** Keeps what was found to be there that should not be, forgets what is not any more, and says since when each was seen. */
export async function noteOutsideDrift(db: Db, found: readonly Stray[]): Promise<(stray: Stray) => Sighting> {
  const { rows } = await sql<Sighted>`
    with found as (select distinct kind, subject
      from jsonb_to_recordset(${JSON.stringify(found)}::jsonb) as f(kind text, subject text)),
    gone as (delete from outside_drift d
      where not exists (select from found f where f.kind = d.kind and f.subject = d.subject))
    insert into outside_drift as d (kind, subject) select kind, subject from found
    on conflict (kind, subject) do update set seen = d.seen + 1, last_seen_at = now(),
      first_seen_at = least(d.first_seen_at, now())
    returning kind, subject, seen, (extract(epoch from now() - first_seen_at) * 1000)::float8 as since_ms`.execute(db)
  return sightings(rows)
}

/** The same, as the next round would have it, of one that keeps nothing. */
export async function readOutsideDrift(executor: Executor): Promise<(stray: Stray) => Sighting> {
  const { rows } = await sql<Sighted>`
    select kind, subject, seen + 1 as seen, (extract(epoch from now() - first_seen_at) * 1000)::float8 as since_ms
    from outside_drift`.execute(executor)
  return sightings(rows)
}

interface Sighted {
  readonly kind: string
  readonly subject: string
  readonly seen: number
  readonly since_ms: number
}

function sightings(rows: readonly Sighted[]): (stray: Stray) => Sighting {
  const sighted = new Map(rows.map((row) => [`${row.kind} ${row.subject}`, { seen: row.seen, sinceMs: row.since_ms }]))
  return ({ kind, subject }) => sighted.get(`${kind} ${subject}`) ?? { seen: 1, sinceMs: 0 }
}
