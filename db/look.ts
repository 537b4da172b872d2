import { sql } from 'kysely'
import { dueInMs, expiry } from '../domain/deadlines.ts'
import { askInMs } from '../domain/dispatch.ts'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { Reason, SessionState } from '../domain/lifecycle.ts'
import { isSuspicious } from '../domain/observation.ts'
import type { PauseWish, ResumesBy } from '../domain/pausing.ts'
import type { Look } from '../domain/session.ts'
import type { Timings } from '../domain/timings.ts'
import type { Db } from './connect.ts'
import { maintenanceRole, outagesSince } from './beats.ts'
import { continuedBy } from './continued.ts'
import { readInstance } from './instances.ts'
import { outsideState } from './outside-uses.ts'
import { providerGate } from './provider-gate.ts'

/** Where a session stands on an instance that nobody else watches: while it starts, the start itself does. */
const standing: readonly SessionState[] = ['ready', 'pausing', 'paused', 'resuming']

/**
 * Reads the session for its workflow and notes how much of what was asked it has seen by that. `null`: there is no such session.
 * All of time is reckoned here, by the database's clock: workflows never compare clocks.
 */
export async function lookAt(db: Db, sessionId: SessionId, timings: Timings): Promise<Look | null> {
  const { rows } = await sql<{
    state: SessionState
    generation: number
    provider_id: ProviderId
    project_id: string
    stop_reason: Reason | null
    requested_at: Date
    queued_at: Date | null
    dispatched_at: Date | null
    state_since: Date
    abandon_requested_at: Date | null
    outside: boolean
    expires_at: Date | null
    lifetime_ends_at: Date | null
    queue_limit_seconds: number
    start_limit_seconds: number
    pause_wish: PauseWish | null
    pause_wish_number: number
    pause_settled_number: number
    resumes_by: ResumesBy | null
    remade_number: number
    maintenance: boolean
    now: Date
  }>`
    update session s set seen_version = wake_version, next_try_at = greatest(next_try_at, now() + interval '10 seconds')
    where s.id = ${sessionId}
    returning s.state, s.generation, s.provider_id, s.project_id, s.stop_reason, s.requested_at, s.queued_at, s.dispatched_at,
      s.state_since, s.abandon_requested_at, s.outside, s.expires_at, s.lifetime_ends_at, s.queue_limit_seconds, s.start_limit_seconds,
      s.pause_wish, s.pause_wish_number, s.pause_settled_number, s.resumes_by, s.remade_number,
      (select maintenance_since is not null from installation) as maintenance, now() as now
  `.execute(db)
  const row = rows[0]
  if (row === undefined) return null
  const now = row.now.getTime()
  // Other rows are read after the session's, in statements of their own: one that waited for the session's row would go on
  // with what the others held before it waited, and note as seen what it did not see.
  const mayBeSuspect = standing.includes(row.state)
  const instance = mayBeSuspect ? await readInstance(db, { sessionId, generation: row.generation }) : null
  const key = { sessionId, generation: row.generation }
  // What is made anew has doors of its own: those of what was paused end for good.
  const areDoorsOver = row.state === 'paused' && row.resumes_by === 'remakes'
  const outside = row.outside ? await outsideState(db, key, areDoorsOver) : null
  const continued = row.remade_number > 0 ? await continuedBy(db, key) : null
  const gate = row.state === 'queued' ? await providerGate(db, row.provider_id) : null
  const isUndecided = row.state === 'requested'
  const outages = await outagesSince(db, row.provider_id, row.requested_at, isUndecided ? [maintenanceRole] : [])
  // Nobody is admitted now; when that is over, its time will not have counted.
  const isHeld = isUndecided && row.maintenance
  return {
    state: row.state,
    generation: row.generation,
    providerId: row.provider_id,
    projectId: row.project_id,
    stop: row.stop_reason,
    dueInMs: isHeld
      ? null
      : dueInMs(
          {
            state: row.state,
            requestedAt: row.requested_at.getTime(),
            queuedAt: row.queued_at?.getTime() ?? null,
            dispatchedAt: row.dispatched_at?.getTime() ?? null,
            stateSince: row.state_since.getTime(),
            expiresAt: expiry(row.expires_at?.getTime() ?? null, row.lifetime_ends_at?.getTime() ?? null),
            queueLimitMs: row.queue_limit_seconds * 1_000,
            startLimitMs: row.start_limit_seconds * 1_000,
          },
          outages,
          timings,
          now,
        ),
    suspect: instance !== null && instance.seen !== null && isSuspicious(row.state, instance.seen),
    retryInMs: gate === null ? null : askInMs(gate),
    ...(outside === null ? {} : { outside }),
    ...(row.pause_wish_number === 0
      ? {}
      : {
          pause: {
            number: row.pause_wish_number,
            wish: row.pause_wish_number > row.pause_settled_number ? row.pause_wish : null,
            resumesBy: row.resumes_by ?? 'wakes',
            remade: row.remade_number === row.pause_wish_number,
            continues: continued?.key.generation ?? null,
          },
        }),
    abandon: row.abandon_requested_at !== null,
  }
}
