import { sql } from 'kysely'
import { servedMs } from '../domain/deadlines.ts'
import { idleVerdict } from '../domain/idle.ts'
import type { SessionId } from '../domain/ids.ts'
import { disarmedRole, outageAfterSeconds, outagesOf } from './beats.ts'
import type { Db, Trx } from './connect.ts'
import { recordEvent } from './events.ts'
import { gatewayRole } from './gateways.ts'
import { requestStop } from './intents.ts'
import { outsideRole } from './outside-tunnels.ts'
import { isWishOpen } from './pause-wishes.ts'
import { batchOf, briefly, sessionsPerBatch } from './upkeep.ts'
import type { Batch } from './upkeep.ts'

interface IdleRow {
  readonly id: SessionId
  readonly since: Date
  readonly now: Date
  readonly limit_ms: number
  readonly stop_in_ms: number | null
  /** It was entered through a gateway outside, too. */
  readonly outside: boolean
}

/**
 * Warns the users of sessions that nobody has done anything in for most of their template's limit, and asks those to stop whose
 * users were warned and let the rest of it pass. Only time in which gateways were there to see input counts: where
 * there is none, no session is idle.
 */
export async function stopIdle(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const { rows } = await idleRows(trx)
    let done = 0
    for (const row of rows) done += Number(await settleIdle(trx, row))
    return batchOf(done, sessionsPerBatch)
  })
}

const second = 1_000
const since = sql`greatest(s.state_since, a.last_input_at)`
const limit = sql`(v.spec ->> 'idleTimeoutSeconds')::int`
const idle = sql`now() - ${since}`

/**
 * Sessions for which something may be due, those without input for longest first; each locked until it is decided. One that rests is
 * not ready, one that somebody wants to rest is not forgotten, and whoever wakes is ready anew: the time of a rest counts for nobody.
 */
const idleRows = async (trx: Trx) =>
  await sql<IdleRow>`
    select s.id, s.outside, ${since} as since, now() as now, ${limit} * 1000 as limit_ms,
      case when a.idle_since = ${since} then extract(epoch from a.stop_at - now())::float8 * 1000 end as stop_in_ms
    from session s
    join template_version v on v.template_id = s.template_id and v.version = s.template_version
    left join session_activity a on a.session_id = s.id
    where s.state = 'ready' and s.ended_at is null and s.stop_requested_at is null and not ${isWishOpen('s')}
      and ${limit} is not null and not exists (${enteredElsewhere}) and exists (select from beat where role = ${gatewayRole})
      and case when a.idle_since = ${since} then a.stop_at <= now() and ${idle} >= ${limit} * interval '1 second'
        else ${idle} >= ${warnAfterSeconds()} * interval '1 second' end
    order by ${since}, s.id limit ${sessionsPerBatch} for no key update of s skip locked`.execute(trx)

/** Somebody may be inside through a gateway that is not Carrel's own, and nobody watches that now. */
const enteredElsewhere = sql`
  select from outside_use u where u.session_id = s.id and u.noted_at is not null and u.withdrawn_at is null
    and not exists (select from beat where role = ${outsideRole} and at > now() - ${outageAfterSeconds}::int * interval '1 second')`

/** The same as `warnAfterMs`, for the database: what is chosen by it is decided by the other. */
const warnAfterSeconds = () => sql`greatest(floor(${limit} * 0.8), ${limit} - 300)`

async function settleIdle(trx: Trx, row: IdleRow): Promise<boolean> {
  const watched = row.outside ? [gatewayRole, outsideRole] : [gatewayRole]
  const outages = await outagesOf(trx, [...watched, disarmedRole], row.since)
  const idleMs = servedMs(row.since.getTime(), row.now.getTime(), outages)
  const verdict = idleVerdict({ idleMs, limitMs: row.limit_ms, stopInMs: row.stop_in_ms })
  switch (verdict.kind) {
    case 'wait':
      return false
    case 'stop':
      return (await requestStop(trx, row.id, 'idle')) === 'requested'
    case 'warn': {
      const stopAt = new Date(row.now.getTime() + verdict.stopInMs)
      await sql`
        insert into session_activity as a (session_id, idle_since, warned_at, stop_at)
        select s.id, s.state_since, now(), ${stopAt} from session s where s.id = ${row.id}
        on conflict (session_id) do update set warned_at = now(), stop_at = ${stopAt},
          idle_since = greatest(a.last_input_at, excluded.idle_since)`.execute(trx)
      await recordEvent(trx, row.id, 'session.idle_warning', {
        idleSince: row.since.toISOString(),
        stopAt: stopAt.toISOString(),
        limitSeconds: row.limit_ms / second,
      })
      return true
    }
    default:
      return verdict satisfies never
  }
}
