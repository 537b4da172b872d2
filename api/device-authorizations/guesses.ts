import type { AccountId } from '../../domain/ids.ts'
import { createLimiter } from '../limiter.ts'

/** So many codes that are nobody's one account may try in ten minutes, in each process: of 25 thousand million. */
const mostMisses = 10
const windowSeconds = 600

export interface Guesses {
  /** Lets `look` look a code up; that it found nothing is a guess. Throws 429 where there were too many. */
  counted<T>(accountId: AccountId, look: () => Promise<T | null>): Promise<T | null>
}

export function createGuesses(): Guesses {
  const complaint = 'Too many codes that lead nowhere.'
  const limiter = createLimiter({ points: mostMisses, seconds: windowSeconds, complaint })
  return {
    async counted(accountId, look) {
      // Before the answer is known: many guesses at once are many guesses.
      await limiter.count(accountId)
      const found = await look()
      if (found !== null) await limiter.forgive(accountId)
      return found
    },
  }
}
