import { setTimeout as wait } from 'node:timers/promises'
import { SlurmFailure } from './failure.ts'

/** Does what may be done seldom. */
export type Pace = <T>(deed: () => Promise<T>, signal: AbortSignal) => Promise<T>

const restPerWork = 4
const longestRestMs = 15_000

/**
 * Rests after each deed for four times as long as it took, 15 s at most: the list of a large cluster, which somebody wants every
 * second, takes a fifth of its controller's time and not all of it. What failed is no measure.
 */
export function createPace(now: () => number = Date.now): Pace {
  let notBefore = 0
  return async (deed, signal) => {
    const restMs = notBefore - now()
    if (restMs > 0)
      await wait(restMs, undefined, { signal }).catch(() => {
        throw new SlurmFailure('cancelled')
      })
    const from = now()
    const done = await deed()
    notBefore = now() + Math.min(longestRestMs, restPerWork * (now() - from))
    return done
  }
}
