import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { pooled, timed } from '../bench/rounds.ts'
import type { RealBackend } from './backend.ts'
import { becomesReady, nothingLeft, stop, wish } from './sessions.ts'
import type { StandSite } from './site.ts'

export interface Stops {
  /** How many points in time, spread over a create that nobody disturbs. */
  readonly points: number
  /** How many at once. */
  readonly inFlight: number
}

/**
 * Somebody presses stop while the session is made: at each of so many points in time between the wish and shortly after it would
 * be ready. Each ends as stopped, and nothing is left of any.
 */
export async function stopsDuringCreate(
  stand: StandSite,
  backend: RealBackend,
  { points, inFlight }: Stops = { points: 20, inFlight: 4 },
): Promise<void> {
  // wish ── admitted ── made ── started ── ready
  //   ↑   ↑   ↑   ↑   ↑   ↑   ↑   ↑   ↑   ↑   ↑  stop
  const undisturbed = await timed(async () => {
    const id = await wish(stand, backend)
    await becomesReady(stand, id)
    expect(await stop(stand, id)).toBe('stopped')
  })
  const ends = await pooled(points, inFlight, async (point) => {
    const id = await wish(stand, backend)
    await delay((undisturbed * point) / (points - 1))
    return await stop(stand, id)
  })
  expect(ends).toEqual(Array.from({ length: points }, () => 'stopped'))
  await nothingLeft(stand, backend)
}
