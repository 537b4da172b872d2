import { sql } from 'kysely'
import type { Executor } from './connect.ts'
import { waitingMails } from './invitation-deliveries.ts'
import type { WaitingMails } from './invitation-deliveries.ts'
import { outsideGatewayId } from './outside-tunnels.ts'
import { isOverdue } from './upkeep.ts'

/** How the whole installation stands, in numbers that alarms can be set on. Counted from rows when asked. */
export interface Figures {
  /** How many have not ended, and for how many seconds the oldest of them has been in its state. */
  readonly states: readonly { readonly state: string; readonly sessions: number; readonly oldestSeconds: number }[]
  /** Undecided for more than 10 s: no worker, no Temporal, or no room in the database. During maintenance that is meant. */
  readonly decisionOverdue: number
  /** Cleaning that takes longer than its limit; it goes on, and what is reserved stays held. */
  readonly cleanupOverdue: number
  /** In use more than 60 s after their time, and nobody has asked them to stop: their workflows are late, or gone. */
  readonly expiryOverdue: number
  /** Wishes that no workflow has seen for more than 10 s. */
  readonly undelivered: number
  readonly maintenance: boolean
  readonly disarmed: boolean
  /** Those in service: of what was taken out of it, nothing is wrong by itself. */
  readonly providers: readonly ProviderFigures[]
  /** Mails about invitations that are to go out. */
  readonly mails: WaitingMails
  /** The gateway outside, where one is or was watched. */
  readonly outside: OutsideFigures | null
}

export interface OutsideFigures {
  /** Seconds since all of it was listed. */
  readonly listAgeSeconds: number
  /** What is there and should not be, by kind. */
  readonly drift: Readonly<Partial<Record<string, number>>>
}

export interface ProviderFigures {
  readonly provider: string
  readonly breakerOpen: boolean
  /** Seconds since its last whole list; `null` never. */
  readonly listAgeSeconds: number | null
  readonly sweepDisarmed: boolean
  /** Seconds since the last survey that saw the whole of it; `null` never. */
  readonly sweepAgeSeconds: number | null
  /** What differs between it, the rows and the workflows, by kind. */
  readonly drift: Readonly<Partial<Record<string, number>>>
}

export async function readFigures(db: Executor): Promise<Figures> {
  const states = await sql<{ state: string; sessions: number; oldestSeconds: number }>`
    select state, count(*)::int as sessions,
      greatest(0, extract(epoch from now() - min(state_since)))::float8 as "oldestSeconds"
    from session where ended_at is null group by state order by state`.execute(db)
  const counts = await sql<{
    decision: number
    cleanup: number
    expiry: number
    undelivered: number
    maintenance: boolean
    disarmed: boolean
  }>`
    select i.maintenance_since is not null as maintenance, i.disarmed_at is not null as disarmed, s.*
    from installation i, (
      select count(*) filter (where state = 'requested' and requested_at < now() - interval '10 seconds')::int as decision,
        count(*) filter (where cleanup_overdue_at is not null)::int as cleanup,
        count(*) filter (where ${isOverdue})::int as expiry,
        count(*) filter (where seen_version < wake_version and tries > 1)::int as undelivered
      from session where ended_at is null) s`.execute(db)
  const [all] = counts.rows
  return {
    states: states.rows,
    decisionOverdue: all === undefined || all.maintenance ? 0 : all.decision,
    cleanupOverdue: all?.cleanup ?? 0,
    expiryOverdue: all?.expiry ?? 0,
    undelivered: all?.undelivered ?? 0,
    maintenance: all?.maintenance ?? false,
    disarmed: all?.disarmed ?? false,
    providers: await readProviders(db),
    mails: await waitingMails(db),
    outside: await readOutside(db),
  }
}

async function readOutside(db: Executor): Promise<OutsideFigures | null> {
  const { rows } = await sql<OutsideFigures>`
    select extract(epoch from now() - beat_at)::float8 as "listAgeSeconds",
      coalesce((select jsonb_object_agg(kind, n) from (select kind, count(*) as n from outside_drift group by kind) d),
        '{}'::jsonb) as drift
    from gateway where id = ${outsideGatewayId}`.execute(db)
  return rows[0] ?? null
}

async function readProviders(db: Executor): Promise<ProviderFigures[]> {
  const { rows } = await sql<ProviderFigures>`
    select p.id as provider, coalesce(h.state <> 'closed', false) as "breakerOpen",
      extract(epoch from now() - h.observed_at)::float8 as "listAgeSeconds",
      w.disarmed_at is not null as "sweepDisarmed",
      extract(epoch from now() - w.last_whole_at)::float8 as "sweepAgeSeconds",
      coalesce((select jsonb_object_agg(kind, n) from (select kind, count(*) as n from drift
        where provider_id = p.id group by kind) d), '{}'::jsonb) as drift
    from provider p left join provider_health h on h.provider_id = p.id left join sweep w on w.provider_id = p.id
    where p.disabled_at is null order by p.id`.execute(db)
  return rows
}
