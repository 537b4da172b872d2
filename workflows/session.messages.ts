import type { SessionId } from '../domain/ids.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { Timings } from '../domain/timings.ts'

/** A step of undoing, noted before the step it undoes. Data, so that it survives continue-as-new. */
export type UndoStep =
  | { readonly step: 'releaseReservation'; readonly generation: number }
  | { readonly step: 'removeInstance'; readonly providerId: string; readonly generation: number }
  | { readonly step: 'closeDoors'; readonly generation: number }

/** The input of `session/<id>`. JSON; fields are only ever added, as optional. */
export interface SessionRun {
  readonly sessionId: SessionId
  readonly timings: Timings
  readonly undo: readonly UndoStep[]
  /** Set by a run that continues an earlier one: what it found the session in. */
  readonly phase?: 'ready'
  /** Of a run that a starter began: the state that it says to be found by. */
  readonly shown?: SessionState
}

/** The input of `teardown/<id>`, for a session whose own workflow is gone: the undo list is read from the rows. */
export interface TeardownRun {
  readonly sessionId: SessionId
  readonly timings: Timings
}

/** The input of `observe/<provider>`. */
export interface ObserveRun {
  readonly providerId: string
  readonly timings: Timings
}

/** The input of `doors`, which looks after the gateway outside. */
export interface WatchDoorsRun {
  readonly timings: Timings
}

/** The input of `reconcile/<provider>`. Without an id it is the schedule's, and makes its own record. */
export interface ReconcileRun {
  readonly providerId: string
  readonly timings: Timings
  readonly reconciliationId?: string
}

/** The input of `check/<provider>/<check>`. */
export interface CheckRun {
  readonly providerId: string
  readonly checkId: string
  readonly timings: Timings
}

/** The input of the scheduled `expire` and `retention`. */
export interface UpkeepRun {
  readonly timings: Timings
}

/** The input of `catalogue/<source>`. Without an id it is the schedule's, and makes its own record. */
export interface CatalogueSyncRun {
  readonly source: string
  readonly timings: Timings
  readonly syncId?: string
  /** Of a run that continues an earlier one: how far that came. */
  readonly after?: string | null
  readonly isRead?: boolean
  readonly batches?: number
}

/** How it ended; the reason is one of the closed list. */
export interface SessionEnd {
  readonly state: string
}

/** The names of the workflows, and of the one signal: «something changed, look again». It carries nothing. */
export const workflowNames = {
  session: 'sessionWorkflow',
  teardown: 'teardownWorkflow',
  observe: 'observeWorkflow',
  watchDoors: 'watchDoorsWorkflow',
  reconcile: 'reconcileWorkflow',
  check: 'checkProviderWorkflow',
  expire: 'expireWorkflow',
  retention: 'retentionWorkflow',
  catalogueSync: 'catalogueSyncWorkflow',
} as const
export const lookAgain = 'lookAgain'

/** What an operator can search sessions by in Temporal. Keywords; ids and states only. */
export const searchAttributes = { state: 'SessionState', provider: 'ProviderId', project: 'ProjectId' } as const
