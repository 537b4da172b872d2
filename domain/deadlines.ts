import { lifecycle } from './lifecycle.ts'
import type { Phase, SessionState } from './lifecycle.ts'
import type { Timings } from './timings.ts'

/** Times in ms since the epoch. An outage is a time in which nobody served: neither `core` nor the provider's queues. */
export interface Outage {
  readonly from: number
  readonly to: number
}

/** What the deadlines of a session stand on. */
export interface DeadlineFacts {
  readonly state: SessionState
  readonly requestedAt: number
  readonly queuedAt: number | null
  readonly dispatchedAt: number | null
  readonly stateSince: number
  readonly expiresAt: number | null
  readonly queueLimitMs: number
  readonly startLimitMs: number
}

/** The deadline of the present state: in how many ms it is due (≤ 0: now). `null`: nothing bounds it. */
export function dueInMs(
  facts: DeadlineFacts,
  outages: readonly Outage[],
  timings: Timings,
  now: number,
): number | null {
  const limit = limitOf(facts, timings)
  if (limit === null) return null
  return limit.kind === 'absolute' ? limit.at - now : limit.ms - servedMs(limit.since, now, outages)
}

type Limit =
  | { readonly kind: 'absolute'; readonly at: number }
  | { readonly kind: 'served'; readonly since: number; readonly ms: number }

function limitOf(facts: DeadlineFacts, timings: Timings): Limit | null {
  const phase: Phase = lifecycle[facts.state]
  switch (phase.limit) {
    case 'decision':
      return { kind: 'served', since: facts.requestedAt, ms: timings.decisionLimitMs }
    case 'queue':
      return { kind: 'served', since: facts.queuedAt ?? facts.stateSince, ms: facts.queueLimitMs }
    case 'start':
      return { kind: 'served', since: facts.dispatchedAt ?? facts.stateSince, ms: facts.startLimitMs }
    case 'pause':
      return { kind: 'served', since: facts.stateSince, ms: timings.pauseLimitMs }
    case 'never':
      return { kind: 'served', since: facts.stateSince, ms: timings.cleanupOverdueMs }
    case 'lifetime':
      return facts.expiresAt === null ? null : { kind: 'absolute', at: facts.expiresAt }
    case undefined:
      return null
    default:
      return phase.limit satisfies never
  }
}

/** How much of `since … now` was served: the union of the outages in it does not count. */
export function servedMs(since: number, now: number, outages: readonly Outage[]): number {
  const inside = outages
    .map((o) => ({ from: Math.max(o.from, since), to: Math.min(o.to, now) }))
    .filter((o) => o.to > o.from)
    .sort((a, b) => a.from - b.from)
  let lost = 0
  let covered = since
  for (const o of inside) {
    lost += Math.max(0, o.to - Math.max(o.from, covered))
    covered = Math.max(covered, o.to)
  }
  return now - since - lost
}

/** When a session ends at the latest: the earlier of the wish and the end of its lifetime. */
export function expiry(wish: number | null, lifetimeEnds: number | null): number | null {
  if (wish === null || lifetimeEnds === null) return wish ?? lifetimeEnds
  return Math.min(wish, lifetimeEnds)
}
