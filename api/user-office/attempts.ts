import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { Problem } from '../problem.ts'
import type { UserOfficeDeps } from './office.ts'

const limiters = new WeakMap<UserOfficeDeps, RateLimiterMemory>()

/** Counts tries of a name, whether there is such a one or not, in this process. Throws 429. */
export async function limitByName(deps: UserOfficeDeps, name: string): Promise<void> {
  const limiter = limiters.get(deps) ?? new RateLimiterMemory({ points: deps.triesPerName, duration: 60 })
  limiters.set(deps, limiter)
  try {
    // By its hash: people type their passwords into the wrong field. Other ways of writing a name count with it.
    await limiter.consume(createHash('sha256').update(name.normalize('NFKC').toLowerCase()).digest('base64'))
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused
    const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1_000))
    throw new Problem('too_many_requests', `Too many tries of this name. Wait ${seconds} s.`, {
      headers: { 'retry-after': String(seconds) },
    })
  }
}

/** Waits until the next whole step since `begun` (ms, of `performance.now`): answers come in steps, whatever took how long. */
export async function untilNextStep(begun: number, stepMs: number): Promise<void> {
  const taken = performance.now() - begun
  await delay(Math.max(1, Math.ceil(taken / stepMs)) * stepMs - taken)
}
