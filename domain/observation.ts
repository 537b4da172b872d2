import type { SessionState } from './lifecycle.ts'
import type { Timings } from './timings.ts'

/** What a backend's list says of one instance, without its addresses. */
export type Sighting = 'pending' | 'running' | 'paused' | 'exited' | 'unknown'

/** An instance that Carrel expects to exist. Times in ms since the epoch. */
export interface Expected {
  readonly sessionId: string
  readonly generation: number
  readonly sessionState: 'provisioning' | 'ready' | 'pausing' | 'paused' | 'resuming'
  readonly seen: Sighting | 'absent' | null
  /** When the backend said that it was made; `null` while a create is in flight. */
  readonly madeAt: number | null
}

/** What changed since the last list, and whether the session's workflow must be told to look for itself. */
export interface Observation {
  readonly sessionId: string
  readonly generation: number
  readonly seen: Sighting | 'absent'
  readonly suspicious: boolean
}

/**
 * Compares a complete list with what is expected. Says only what differs from the last look; removes nothing, decides nothing.
 * An instance made after the list began cannot be missing from it, so `listedAt` bounds what "absent" may mean.
 */
export function observe(
  expected: readonly Expected[],
  listed: ReadonlyMap<string, Sighting>,
  listedAt: number,
): Observation[] {
  return expected.flatMap((e) => {
    const sighting = listed.get(observationKey(e.sessionId, e.generation))
    if (sighting === undefined && (e.madeAt === null || e.madeAt >= listedAt)) return []
    const seen = sighting ?? 'absent'
    if (seen === 'unknown' || seen === e.seen) return []
    return [{ sessionId: e.sessionId, generation: e.generation, seen, suspicious: isSuspicious(e.sessionState, seen) }]
  })
}

export const observationKey = (sessionId: string, generation: number): string => `${sessionId}/${generation}`

/**
 * Ended or missing is news in every state. Only a session that should run is surprised by a pause, or by an instance that is
 * half made: so a backend lists one of which a part disappeared. And only one that is paused by an instance that runs.
 */
export function isSuspicious(state: SessionState, seen: Sighting | 'absent'): boolean {
  if (seen === 'exited' || seen === 'absent') return true
  if (seen === 'running') return state === 'paused'
  return (seen === 'paused' || seen === 'pending') && state === 'ready'
}

/**
 * How long until a provider is listed again, ms. While something begins there, soon; one that takes long to answer has enough to do,
 * and is not asked for more than a third of its time.
 */
export function untilNextList(
  isBusy: boolean,
  tookMs: number,
  { observeBusyMs, observeIdleMs }: Pick<Timings, 'observeBusyMs' | 'observeIdleMs'>,
): number {
  return isBusy ? Math.max(observeBusyMs, Math.min(2 * tookMs, observeIdleMs)) : observeIdleMs
}
