import { ApplicationFailure, Context } from '@temporalio/activity'
import type { Db } from '../db/connect.ts'
import { readInstance } from '../db/instances.ts'
import type { InstanceRow } from '../db/instances.ts'
import { isStill, recordSeenStill } from '../db/pauses.ts'
import type { PauseKey } from '../db/pauses.ts'
import { isListed } from '../db/provider-health.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { FailReason, SessionState } from '../domain/lifecycle.ts'
import type { FailureType } from '../domain/errors.ts'
import type { Timings } from '../domain/timings.ts'
import type { CallContext, ComputeProvider, InstanceState } from '../ports/compute/provider.ts'
import { patiently } from './alive.ts'
import type { Locate } from './access.ts'
import { noteEnd } from './answer.ts'
import { whileDisarmed } from './failures.ts'
import { pause } from './pause.ts'
import { keepPlaces } from './reported.ts'
import { createTurns } from './turns.ts'
import { verdictOf } from './verdict.ts'

export interface PausingDeps {
  readonly db: Db
  readonly providerId: ProviderId
  readonly provider: ComputeProvider
  readonly timings: Timings
  /** Where a host is that a backend names; held against the provider's networks. */
  readonly locate: Locate
  /** Aborts when the worker begins to stop: waiting is left to the next one. */
  readonly stopping: AbortSignal
}

/** What came of it at the backend. */
export type Rested =
  | { readonly kind: 'paused' }
  /** The backend would not, or runs it again: it runs. */
  | { readonly kind: 'runs' }
  | { readonly kind: 'gone'; readonly reason: FailReason }
  /** Nobody wants it any more. */
  | { readonly kind: 'withdrawn' }

export type Woken =
  | Rested
  /** The provider does not answer: the session waits again, and everything that stands stays. */
  | { readonly kind: 'unavailable' }

/** In which states somebody may put an instance to rest, or wake it: on the way there, and where it is not as it should be. */
const whilePausing = ['pausing', 'paused'] as const
const whileResuming = ['resuming', 'ready'] as const
const soonestLookMs = 100
const latestLookMs = 2_000

/** Puts instances to rest at one provider, and wakes them. Named by session, generation and wish: what comes late does nothing. */
export function createPausingActivities({ db, providerId, provider, locate, timings, stopping }: PausingDeps) {
  const turns = createTurns(db, providerId, timings)
  return {
    /** Has the backend put the instance to rest, and waits until it says that it does. One that rests already is paused. */
    async pauseInstance(key: PauseKey): Promise<Rested> {
      const row = await standing(key, whilePausing)
      if (row === null) return { kind: 'withdrawn' }
      const { capabilities, pause: putToRest } = provider
      if (!capabilities.pause || putToRest === undefined) return { kind: 'runs' }
      const state = await settled(row, async (call) => await putToRest(row.ref, call))
      if (state.kind === 'unknown') throw silent()
      return await note(row, key, state, whilePausing)
    },

    /** Has the backend run it again, and waits until it does. */
    async resumeInstance(key: PauseKey): Promise<Woken> {
      const row = await standing(key, whileResuming)
      if (row === null) return { kind: 'withdrawn' }
      const { resume } = provider
      if (resume === undefined) return { kind: 'paused' }
      const state = await settled(row, async (call) => await resume(row.ref, call))
      if (state.kind === 'unknown') {
        // A call that was ended from here says nothing about the provider.
        Context.current().cancellationSignal.throwIfAborted()
        // One of which nothing is known holds up no others: it is asked again, as long as its time lasts.
        if (!(await isStill(db, key, ['resuming'])) || (await isListed(db, providerId))) throw silent()
        await turns.unavailable(key, { retryAfterMs: null, detail: state.why })
        return { kind: 'unavailable' }
      }
      await turns.answered()
      return await note(row, key, state, whileResuming)
    },
  }

  /** The instance, where it may be touched. */
  async function standing(key: PauseKey, states: readonly SessionState[]): Promise<InstanceRow | null> {
    const row = await readInstance(db, key)
    if (row === null || row.tombstoned || !(await isStill(db, key, states))) return null
    if (row.disarmed) throw whileDisarmed()
    return row
  }

  /** Asks the backend, and looks until it has come to rest or runs, or is gone, or cannot be told. */
  async function settled(row: InstanceRow, ask: (call: CallContext) => Promise<InstanceState>): Promise<InstanceState> {
    const settle = async (call: CallContext) => {
      let state = await ask(call)
      for (let waitMs = soonestLookMs; state.kind === 'pending'; waitMs = Math.min(latestLookMs, waitMs * 2)) {
        await pause(waitMs, call.signal)
        state = await provider.inspect(row.ref, call)
      }
      return state
    }
    return await patiently(timings, settle, stopping)
  }

  async function note(
    { ref, reported }: InstanceRow,
    key: PauseKey,
    state: InstanceState,
    states: readonly SessionState[],
  ): Promise<Rested> {
    const verdict = verdictOf(state)
    if (verdict.kind === 'gone') {
      await noteEnd({ db, provider }, key, ref, state)
      return verdict
    }
    // Nobody waits for its answer: where it is now is written down before that it runs, or nobody would look again.
    if (state.kind === 'running' && (await isStill(db, key, ['ready'])))
      await keepPlaces({ db, locate }, key, reported, state)
    const isPaused = state.kind === 'paused'
    if (!(await recordSeenStill(db, key, states, isPaused ? 'paused' : 'running'))) return { kind: 'withdrawn' }
    return { kind: isPaused ? 'paused' : 'runs' }
  }
}

/** Of what the backend was asked nobody knows what came: it is asked again. */
function silent(): ApplicationFailure {
  const type: FailureType = 'provider_unreachable'
  return ApplicationFailure.retryable('The provider did not say what became of it.', type)
}

export type PausingActivities = ReturnType<typeof createPausingActivities>
