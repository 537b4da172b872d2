import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { callerKey } from '../platform/addresses.ts'
import { Problem } from './problem.ts'

/** Counts by a key, in this process; where that is an address, by what one caller has of addresses (`callerKey`). */
export interface Limiter {
  /** Counts one. Throws 429 where there were too many. */
  count(key: string): Promise<void>
  /** Counts only where `inside` refuses with a problem. Throws 429 where too many were refused before. */
  countRefusals<T>(key: string, inside: () => Promise<T>): Promise<T>
  /** Takes back one that was counted. */
  forgive(key: string): Promise<void>
}

export interface Allowance {
  readonly points: number
  readonly seconds: number
  /** What there were too many of, as a sentence. */
  readonly complaint: string
}

/** The problem of too many; `msBeforeNext`: the next is taken after that. */
export function tooMany(complaint: string, { msBeforeNext }: { readonly msBeforeNext: number }): Problem {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000))
  return new Problem('too_many_requests', `${complaint} Wait ${seconds} s.`, {
    headers: { 'retry-after': String(seconds) },
  })
}

export function createLimiter({ points, seconds, complaint }: Allowance): Limiter {
  const limiter = new RateLimiterMemory({ points, duration: seconds })
  return {
    async count(key) {
      try {
        await limiter.consume(callerKey(key))
      } catch (refused) {
        throw refused instanceof RateLimiterRes ? tooMany(complaint, refused) : refused
      }
    },

    async countRefusals(key, inside) {
      const known = await limiter.get(callerKey(key))
      if (known !== null && known.consumedPoints > points) throw tooMany(complaint, known)
      try {
        return await inside()
      } catch (error) {
        if (error instanceof Problem) await limiter.penalty(callerKey(key))
        throw error
      }
    },

    async forgive(key) {
      await limiter.reward(callerKey(key))
    },
  }
}

/** One limiter for each `deps` there is, made when it is first asked for. */
export function limiterPer<D extends object>(allowanceOf: (deps: D) => Allowance): (deps: D) => Limiter {
  const limiters = new WeakMap<D, Limiter>()
  return (deps) => {
    const limiter = limiters.get(deps) ?? createLimiter(allowanceOf(deps))
    limiters.set(deps, limiter)
    return limiter
  }
}
