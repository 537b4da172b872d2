import type { SessionId } from './ids.ts'

/** What Temporal says of the runs of sessions. Every call throws where it does not answer. */
export interface Runs {
  /** Sessions of the provider for which something seems to run. A hint: the list lags behind. */
  listOpen(providerId: string): Promise<readonly SessionId[]>
  /** Whether a session's own workflow or its teardown runs, by the server's own word. */
  standing(sessionId: SessionId): Promise<'running' | 'none'>
  /** Has what runs for a session look again. What runs no more is not told. */
  nudge(sessionId: SessionId): Promise<void>
}
