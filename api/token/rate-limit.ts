import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { addressOf } from '../sign-in/complete.ts'
import type { SignInDeps } from '../sign-in/issuers.ts'

const limiters = new WeakMap<SignInDeps, RateLimiterMemory>()

/** Counts who asks for tokens by address, in this process: a portal exchanges those of all its people from one. Throws 429. */
export async function limitTokens(c: AppContext, deps: SignInDeps): Promise<void> {
  const limiter = limiters.get(deps) ?? new RateLimiterMemory({ points: deps.tokensPerMinute, duration: 60 })
  limiters.set(deps, limiter)
  try {
    await limiter.consume(addressOf(c, deps))
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused
    const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1_000))
    throw new Problem('too_many_requests', `Too many tokens are asked for from this address. Wait ${seconds} s.`, {
      headers: { 'retry-after': String(seconds) },
    })
  }
}
