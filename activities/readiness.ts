import type { Db } from '../db/connect.ts'
import { readLaunch } from '../db/launch.ts'
import type { Timings } from '../domain/timings.ts'
import type { SessionKey } from '../domain/session.ts'
import type { ComputeProvider } from '../ports/compute/provider.ts'
import type { Locate } from './access.ts'
import { patiently } from './alive.ts'
import { createWatch } from './answer.ts'
import type { Readiness } from './answer.ts'

export interface ReadinessDeps {
  readonly db: Db
  readonly provider: ComputeProvider
  readonly locate: Locate
  readonly timings: Timings
  /** Aborts when the worker begins to stop: waiting is left to the next one. */
  readonly stopping: AbortSignal
}

/** Waits until instances answer that did not while they were made. */
export function createReadinessActivities({ db, provider, locate, timings, stopping }: ReadinessDeps) {
  const watch = createWatch({ db, provider, locate })
  return {
    /** Ends when the instance answers as its template says, or is gone, or must be. The state's own limit bounds it. */
    async awaitReady(key: SessionKey): Promise<Readiness> {
      const { template } = await readLaunch(db, key)
      return await patiently(timings, async (call) => await watch(key, template, call), stopping)
    },
  }
}

export type ReadinessActivities = ReturnType<typeof createReadinessActivities>
