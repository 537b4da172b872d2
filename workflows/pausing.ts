import { condition } from '@temporalio/workflow'
import type { Rested } from '../activities/pausing.ts'
import type { Inspection } from '../activities/verdict.ts'
import type { FailReason } from '../domain/lifecycle.ts'
import type { Look, PauseLook, SessionKey } from '../domain/session.ts'
import { defaultTimings } from '../domain/timings.ts'
import type { Timings } from '../domain/timings.ts'
import { accessOf, careOf, startOf } from './activity-proxies.ts'
import type { Attention } from './attention.ts'
import { Errand } from './errand.ts'
import { begin } from './start.ts'
import { inspectionOf } from './tend.ts'

/** How a way to rest, or back from it, ended. */
export type PauseOutcome =
  | Rested
  /** It is ready again. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: FailReason }
  /** It waits again: its row says for what. */
  | { readonly kind: 'elsewhere' }

/** Withdraws who is inside through a gateway outside, as far as that answers in time, and has the instance rest. */
export async function goToRest(key: SessionKey, seen: Look, pause: PauseLook, timings: Timings): Promise<PauseOutcome> {
  const settling = seen.outside?.due === true ? new Errand(() => accessOf(timings).settleDoors(key)) : null
  if (settling !== null)
    await condition(settling.settled, timings.closeDoorsFirstMs ?? defaultTimings.closeDoorsFirstMs)
  // What is left there is withdrawn while it rests.
  if (settling?.settled() === false) settling.abandon()
  return await careOf(timings, seen.providerId).pauseInstance({ ...key, number: pause.number })
}

/** Has the instance run again, or makes the next one on what it stored, and waits until it answers. */
export async function goOn(key: SessionKey, seen: Look, pause: PauseLook, timings: Timings): Promise<PauseOutcome> {
  const { awaitReady, resumeInstance } = startOf(timings, seen.providerId)
  if (pause.resumesBy === 'remakes') return await begin(key, seen.providerId, timings, pause.continues)
  const woken = await resumeInstance({ ...key, number: pause.number })
  if (woken.kind === 'unavailable') return { kind: 'elsewhere' }
  if (woken.kind !== 'runs') return woken
  const readiness = await awaitReady(key)
  if (readiness.kind === 'gone') return { kind: 'failed', reason: readiness.reason }
  return readiness.kind === 'ready' ? { kind: 'ready' } : { kind: 'withdrawn' }
}

/** One last look at an instance whose way took too long. `null`: nobody can tell. */
export async function lastLook(
  key: SessionKey,
  seen: Look,
  timings: Timings,
  attention: Attention,
): Promise<Inspection | null> {
  const look = new Errand(() => careOf(timings, seen.providerId).inspectInstance(key))
  await attention.wait(timings.inspectTimeoutMs, 'a last look', look.settled)
  return inspectionOf(look)
}
