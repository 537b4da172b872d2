import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { AppContext } from './env.ts'
import { tooMany } from './limiter.ts'

const windowSeconds = 60

/**
 * Counts requests per (account, client) in this process, and says so in the headers of
 * draft-ietf-httpapi-ratelimit-headers-10. Throws 429.
 */
export function createRateLimit(perMinute: number): (c: AppContext) => Promise<void> {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: windowSeconds })
  const policy = `"default";q=${perMinute};w=${windowSeconds}`
  return async (c) => {
    const { accountId, client } = c.var.principal
    const outcome = await consume(limiter, `${accountId} ${client}`)
    const seconds = Math.max(1, Math.ceil(outcome.msBeforeNext / 1_000))
    c.header('RateLimit-Policy', policy)
    c.header('RateLimit', `"default";r=${outcome.remainingPoints};t=${seconds}`)
    if (outcome.allowed) return
    throw tooMany(`More than ${perMinute} requests in a minute.`, outcome)
  }
}

async function consume(limiter: RateLimiterMemory, key: string) {
  try {
    return { allowed: true, ...stateOf(await limiter.consume(key)) }
  } catch (refused) {
    if (refused instanceof RateLimiterRes) return { allowed: false, ...stateOf(refused) }
    throw refused
  }
}

const stateOf = ({ remainingPoints, msBeforeNext }: RateLimiterRes) => ({ remainingPoints, msBeforeNext })
