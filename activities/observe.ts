import { databaseTime } from '../db/connect.ts'
import type { Db } from '../db/connect.ts'
import { recordWords } from '../db/backend-words.ts'
import { expectedInstances, recordObservations } from '../db/instances.ts'
import type { ExpectedInstance } from '../db/instances.ts'
import { recordObserved } from '../db/provider-health.ts'
import { newWords } from '../domain/backend-words.ts'
import type { ProviderId } from '../domain/ids.ts'
import { observationKey, observe, untilNextList } from '../domain/observation.ts'
import type { Sighting } from '../domain/observation.ts'
import type { Timings } from '../domain/timings.ts'
import type { CallContext, ComputeProvider, InstanceState } from '../ports/compute/provider.ts'
import { alive } from './alive.ts'
import { pause } from './pause.ts'
import { createTurns } from './turns.ts'
import { wholeList } from './whole-list.ts'
import type { PresentInstance } from './whole-list.ts'

type PresentState = PresentInstance['state']

export interface ObserveDeps {
  readonly db: Db
  readonly providerId: ProviderId
  readonly provider: ComputeProvider
  readonly deploymentId: string
  readonly timings: Timings
  /** Aborts when the worker begins to stop: looking is left to the next one. */
  readonly stopping: AbortSignal
}

/** Looks at a whole provider: one list per tick for all its sessions. Notes what differs; removes nothing. */
export function createObserveActivities({ db, providerId, provider, deploymentId, timings, stopping }: ObserveDeps) {
  const turns = createTurns(db, providerId, timings)
  return {
    /** Ticks for `observeRunMs`: often while something begins at the provider, seldom else. */
    async observeProvider(run: { readonly providerId: string; readonly timings: Timings }): Promise<void> {
      const until = Date.now() + run.timings.observeRunMs
      const look = async (call: CallContext) => {
        while (Date.now() < until) {
          const began = Date.now()
          const busy = await tick(call)
          await pause(untilNextList(busy, Date.now() - began, run.timings), call.signal)
        }
      }
      await alive(timings, look, stopping).catch((error: unknown) => {
        if (!stopping.aborted) throw error
      })
    },
  }

  async function tick(call: CallContext): Promise<boolean> {
    // By the clock that says when instances were made: another one may go wrong by more than a list takes.
    const listedAt = await databaseTime(db)
    const listed = await sightings(call)
    const expected = await expectedInstances(db, providerId)
    if (listed !== null) {
      const seen = new Map([...listed].map(([key, state]): [string, Sighting] => [key, state.kind]))
      await recordObservations(db, observe(expected, seen, listedAt))
      await recordWords(db, expected.flatMap(wordsFrom(listed)))
    }
    return expected.some((e) => e.sessionState === 'provisioning' || e.sessionState === 'resuming')
  }

  /** What is new in a list's words of each instance. */
  function wordsFrom(listed: ReadonlyMap<string, InstanceState>) {
    return ({ sessionId, generation, ...known }: ExpectedInstance) => {
      const state = listed.get(observationKey(sessionId, generation))
      const words = state === undefined ? null : newWords(known, state)
      return words === null ? [] : [{ sessionId, generation, ...words }]
    }
  }

  /** What each instance is seen as; `null` where the provider could not be listed to its end. How it went is noted. */
  async function sightings(call: CallContext): Promise<ReadonlyMap<string, PresentState> | null> {
    const startedAt = Date.now()
    const listed = await wholeList(provider, deploymentId, call)
    const error = listed === null ? 'The provider does not answer.' : null
    if (await recordObserved(db, providerId, { tookMs: Date.now() - startedAt, error })) await turns.back()
    if (listed === null) return null
    return new Map(listed.map((i) => [observationKey(i.sessionId, i.generation), i.state]))
  }
}

export type ObserveActivities = ReturnType<typeof createObserveActivities>
