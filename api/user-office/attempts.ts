import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { limiterPer } from '../limiter.ts'
import type { UserOfficeDeps } from './office.ts'

const limiterOf = limiterPer(({ triesPerName }: UserOfficeDeps) => ({
  points: triesPerName,
  seconds: 60,
  complaint: 'Too many tries of this name.',
}))

/** Counts tries of a name, whether there is such a one or not, in this process. Throws 429. */
export async function limitByName(deps: UserOfficeDeps, name: string): Promise<void> {
  // By its hash: people type their passwords into the wrong field. Other ways of writing a name count with it.
  await limiterOf(deps).count(createHash('sha256').update(name.normalize('NFKC').toLowerCase()).digest('base64'))
}

/** Waits until the next whole step since `begun` (ms, of `performance.now`): answers come in steps, whatever took how long. */
export async function untilNextStep(begun: number, stepMs: number): Promise<void> {
  const taken = performance.now() - begun
  await delay(Math.max(1, Math.ceil(taken / stepMs)) * stepMs - taken)
}
