import type { FailReason } from '../domain/lifecycle.ts'
import type { Timings } from '../domain/timings.ts'
import type { SessionKey } from '../domain/session.ts'
import { careOf, startOf } from './activity-proxies.ts'

/** How a start ended, once it has. */
export type StartOutcome =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: FailReason }
  /** It waits again: its row says for what. */
  | { readonly kind: 'elsewhere' }

/**
 * Makes the instance and waits until it answers. `continues`: the generation whose paused instance it continues; what is left of that
 * goes as soon as this one has taken over.
 */
export async function begin(
  key: SessionKey,
  providerId: string,
  timings: Timings,
  continues: number | null = null,
): Promise<StartOutcome> {
  const { createInstance, awaitReady } = startOf(timings, providerId)
  // Runs that began before the answer was waited for there have no such time, and wait afterwards.
  const creation = await createInstance({ ...key, waitMs: timings.answerSoonMs })
  if (creation.kind === 'refused') return { kind: 'failed', reason: creation.reason }
  if (creation.kind === 'withdrawn') return { kind: 'failed', reason: 'internal' }
  if (creation.kind === 'unavailable') return { kind: 'elsewhere' }
  if (continues !== null) await careOf(timings, providerId).removeInstance({ ...key, generation: continues })
  const readiness = creation.readiness ?? (await awaitReady(key))
  if (readiness.kind === 'gone') return { kind: 'failed', reason: readiness.reason }
  return readiness.kind === 'ready' ? { kind: 'ready' } : { kind: 'failed', reason: 'internal' }
}
