import { Context } from '@temporalio/activity'
import type { Timings } from '../domain/timings.ts'
import type { CallContext } from '../ports/compute/provider.ts'
import { leftToOthers } from './failures.ts'

/** How often a long call says that it lives, as a part of its heartbeat timeout. */
const heartbeatsPerTimeout = 5

/**
 * Runs a long call: heartbeats while it lasts, and ends it when the activity is cancelled. A call that only waits takes the
 * worker's `stopping` as well, and is taken up by the next worker at once.
 */
export async function alive<T>(
  timings: Timings,
  call: (context: CallContext) => Promise<T>,
  stopping?: AbortSignal,
): Promise<T> {
  const context = Context.current()
  const cancelled = context.cancellationSignal
  const pulse = setInterval(() => context.heartbeat(), timings.heartbeatMs / heartbeatsPerTimeout)
  try {
    return await call({ signal: stopping === undefined ? cancelled : AbortSignal.any([cancelled, stopping]) })
  } finally {
    clearInterval(pulse)
  }
}

/** The same of a call that waits, and ends only because its worker stops: it is left to the next one, however often that happened. */
export async function patiently<T>(
  timings: Timings,
  call: (context: CallContext) => Promise<T>,
  stopping: AbortSignal,
): Promise<T> {
  try {
    return await alive(timings, call, stopping)
  } catch (error) {
    const isLeft = stopping.aborted && !Context.current().cancellationSignal.aborted
    throw isLeft ? leftToOthers(timings.providerRetryMs) : error
  }
}
