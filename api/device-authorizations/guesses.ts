import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { AccountId } from '../../domain/ids.ts'
import { Problem } from '../problem.ts'

/** So many codes that are nobody's one account may try in ten minutes, in each process: of 25 thousand million. */
const mostMisses = 10
const windowSeconds = 600

export interface Guesses {
  /** Lets `look` look a code up; that it found nothing is a guess. Throws 429 where there were too many. */
  counted<T>(accountId: AccountId, look: () => Promise<T | null>): Promise<T | null>
}

export function createGuesses(): Guesses {
  const limiter = new RateLimiterMemory({ points: mostMisses, duration: windowSeconds })
  return {
    async counted(accountId, look) {
      try {
        // Before the answer is known: many guesses at once are many guesses.
        await limiter.consume(accountId)
      } catch (refused) {
        if (!(refused instanceof RateLimiterRes)) throw refused
        const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1_000))
        throw new Problem('too_many_requests', `Too many codes that lead nowhere. Wait ${seconds} s.`, {
          headers: { 'retry-after': String(seconds) },
        })
      }
      const found = await look()
      if (found !== null) await limiter.reward(accountId)
      return found
    },
  }
}
