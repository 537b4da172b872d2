import { seeded } from '../setup/seeded.ts'
import type { Deed, RoundPlan } from './kill-plan.ts'

export interface OutageShape {
  readonly seed: number
  readonly round: number
  /** What goes away, and for how long. */
  readonly process: string
  readonly outageMs: number
  readonly sessions: number
  /** How many sessions of earlier rounds are ready; a few of them live on. */
  readonly earlier: number
}

/** Before something goes away, so that starts and stops are under way when it does. */
export const leadMs = 1_500
const livingOn = 3

/**
 * Sessions that start and stop before, in and until the end of an outage. The first and the fourth ask while it has just begun
 * and are not stopped: by their rest one sees who waits, and who does not have to.
 */
export function planOutage({ seed, round, process, outageMs, sessions, earlier }: OutageShape): RoundPlan {
  const random = seeded(seed + round * 104_729)
  const between = (low: number, high: number) => Math.round(low + random() * (high - low))
  const windowMs = leadMs + outageMs
  const deeds: Deed[] = [{ at: leadMs, do: 'kill', process, downMs: outageMs }]
  const stop = (session: number, from: number) => {
    const at = between(from, windowMs)
    deeds.push({ at, do: 'stop', session, repeat: false })
    if (random() < 0.5) deeds.push({ at: at + between(0, 1_500), do: 'stop', session, repeat: true })
  }
  for (let session = 0; session < sessions; session += 1) {
    const awaited = session === 0 || session === 3
    const at = awaited ? leadMs + 100 : between(0, windowMs * 0.9)
    deeds.push({ at, do: 'create', session })
    if (!awaited && random() < 0.6) stop(session, at)
    deeds.push({ at: between(at, windowMs), do: 'read', session })
  }
  for (let session = -earlier; session < -livingOn; session += 1) stop(session, 0)
  return { seed, round, earlier, sessions, deeds: deeds.toSorted((a, b) => a.at - b.at) }
}

/** Before anything goes away: sessions that are to live through all of it. */
export const planCalm = (seed: number): RoundPlan => ({
  seed,
  round: 0,
  earlier: 0,
  sessions: 4,
  deeds: [0, 1, 2, 3].map((session) => ({ at: 0, do: 'create', session })),
})
