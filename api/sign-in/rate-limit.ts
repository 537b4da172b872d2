import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { addressOf } from './complete.ts'
import type { SignInDeps } from './issuers.ts'

const limiters = new WeakMap<SignInDeps, RateLimiterMemory>()

function limiterOf(deps: SignInDeps): RateLimiterMemory {
  const limiter = limiters.get(deps) ?? new RateLimiterMemory({ points: deps.perMinute, duration: 60 })
  limiters.set(deps, limiter)
  return limiter
}

/** Counts what nobody has signed in for yet by address, in this process. Throws 429. */
export async function limitByAddress(c: AppContext, deps: SignInDeps): Promise<void> {
  try {
    await limiterOf(deps).consume(addressOf(c, deps))
  } catch (refused) {
    throw refused instanceof RateLimiterRes ? tooMany(refused) : refused
  }
}

/** The same, but only what is refused inside counts: an issuer may sign hundreds out at once, and says it of each. Throws 429. */
export async function limitRefusals<T>(c: AppContext, deps: SignInDeps, inside: () => Promise<T>): Promise<T> {
  const [limiter, address] = [limiterOf(deps), addressOf(c, deps)]
  const known = await limiter.get(address)
  if (known !== null && known.consumedPoints > deps.perMinute) throw tooMany(known)
  try {
    return await inside()
  } catch (error) {
    if (error instanceof Problem) await limiter.penalty(address)
    throw error
  }
}

function tooMany({ msBeforeNext }: RateLimiterRes): Problem {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000))
  return new Problem('too_many_requests', `Too many sign-ins from this address. Wait ${seconds} s.`, {
    headers: { 'retry-after': String(seconds) },
  })
}
