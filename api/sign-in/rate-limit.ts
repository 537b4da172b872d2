import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { addressOf } from './complete.ts'
import type { SignInDeps } from './issuers.ts'

const limiters = new WeakMap<SignInDeps, RateLimiterMemory>()

/** Counts what nobody has signed in for yet by address, in this process. Throws 429. */
export async function limitByAddress(c: AppContext, deps: SignInDeps): Promise<void> {
  const limiter = limiters.get(deps) ?? new RateLimiterMemory({ points: deps.perMinute, duration: 60 })
  limiters.set(deps, limiter)
  try {
    await limiter.consume(addressOf(c, deps))
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused
    const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1_000))
    throw new Problem('too_many_requests', `Too many sign-ins from this address. Wait ${seconds} s.`, {
      headers: { 'retry-after': String(seconds) },
    })
  }
}
