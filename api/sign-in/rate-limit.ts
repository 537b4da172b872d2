import type { AppContext } from '../env.ts'
import { limiterPer } from '../limiter.ts'
import { addressOf } from './address.ts'
import type { SignInDeps } from './issuers.ts'

const limiterOf = limiterPer(({ perMinute }: SignInDeps) => ({
  points: perMinute,
  seconds: 60,
  complaint: 'Too many sign-ins from this address.',
}))

/** Counts what nobody has signed in for yet by address, in this process. Throws 429. */
export async function limitByAddress(c: AppContext, deps: SignInDeps): Promise<void> {
  await limiterOf(deps).count(addressOf(c, deps))
}

/** The same, but only what is refused inside counts: an issuer may sign hundreds out at once, and says it of each. Throws 429. */
export async function limitRefusals<T>(c: AppContext, deps: SignInDeps, inside: () => Promise<T>): Promise<T> {
  return await limiterOf(deps).countRefusals(addressOf(c, deps), inside)
}
