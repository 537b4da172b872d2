import type { AppContext } from '../env.ts'
import { limiterPer } from '../limiter.ts'
import { addressOf } from '../sign-in/address.ts'
import type { SignInDeps } from '../sign-in/issuers.ts'

const limiterOf = limiterPer(({ tokensPerMinute }: SignInDeps) => ({
  points: tokensPerMinute,
  seconds: 60,
  complaint: 'Too many tokens are asked for from this address.',
}))

/** Counts who asks for tokens by address, in this process: a portal exchanges those of all its people from one. Throws 429. */
export async function limitTokens(c: AppContext, deps: SignInDeps): Promise<void> {
  await limiterOf(deps).count(addressOf(c, deps))
}
