import type { Tick } from './epoch.ts'
import type { SessionId } from './ids.ts'

/** What Temporal says of the runs of sessions. Every call throws where it does not answer. */
export interface Runs {
  /** Sessions of the provider for which something seems to run. A hint: the list lags behind. */
  listOpen(providerId: string): Promise<readonly SessionId[]>
  /** Whether a session's own workflow or its teardown runs, by the server's own word. */
  standing(sessionId: SessionId): Promise<'running' | 'none'>
  /** How far the newest run of the provider's schedule had come that ended by itself; `null` where there is none. */
  lastTick(providerId: string): Promise<Tick | null>
  /** Has what runs for a session look again. What runs no more is not told. */
  nudge(sessionId: SessionId): Promise<void>
}
