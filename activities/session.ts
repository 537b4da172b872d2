import { Context } from '@temporalio/activity'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { FailReason, Reason, StopReason } from '../domain/lifecycle.ts'
import type { Timings } from '../domain/timings.ts'
import type { Look, SessionKey } from '../domain/session.ts'
import { admitSession } from '../db/admission.ts'
import type { Admitted } from '../db/admission.ts'
import { isLockedOut } from '../db/connect.ts'
import type { Db } from '../db/connect.ts'
import { callForHelp } from '../db/deliveries.ts'
import { dispatch } from '../db/dispatch.ts'
import { abandonSession, endSession, markCleanupOverdue, toReady, toStopping } from '../db/endings.ts'
import { requestStop } from '../db/intents.ts'
import { lookAt } from '../db/look.ts'
import { backToPaused, backToReady, toNextGeneration, toPaused, toPausing, toReadyAgain } from '../db/pauses.ts'
import type { PauseKey } from '../db/pauses.ts'
import { readmitSession } from '../db/readmission.ts'
import type { Readmitted } from '../db/readmission.ts'
import { releaseReservation } from '../db/reservations.ts'
import type { Moved } from '../db/transitions.ts'
import { pendingUndo } from '../db/undo.ts'
import type { PendingUndo } from '../db/undo.ts'

export interface SessionDeps {
  readonly db: Db
  readonly timings: Timings
}

/** What a session's workflow does in Carrel's own books. Each is one short transaction and may be repeated. */
export function createSessionActivities({ db, timings }: SessionDeps) {
  /**
   * Lets those begin for whom there is room now. It is repeated with the deed that made room; but while others keep the
   * provider's books locked, that session goes its way: who waits asks again by itself.
   */
  const next = async (providerId: ProviderId) => {
    const patienceMs = Context.current().info.attempt === 1 ? undefined : timings.databaseTimeoutMs / 2
    try {
      await dispatch(db, providerId, timings.createTimeoutMs, patienceMs)
    } catch (error) {
      if (patienceMs === undefined || !isLockedOut(error)) throw error
    }
  }
  return {
    /** Reads state, wishes and deadlines, and notes what was seen. `null`: there is no such session. */
    look: async (input: { readonly sessionId: SessionId; readonly timings: Timings }): Promise<Look | null> =>
      await lookAt(db, input.sessionId, input.timings),

    /** Decides whether the session may hold what it asks for; makes it so. */
    admit: async (key: SessionKey): Promise<Admitted> => await admitSession(db, key),

    /** Lets those begin for whom the provider has room. */
    dispatch: async (input: { readonly providerId: string }): Promise<void> => {
      await dispatch(db, input.providerId as ProviderId, timings.createTimeoutMs)
    },

    /**
     * The instance answers: the session is ready, its lifetime begins, and the next one may begin. `resumed`: it was paused, by that
     * wish it goes on, with the time that it had.
     */
    becomeReady: async ({ resumed, ...key }: SessionKey & { readonly resumed?: number }): Promise<Moved> => {
      const ready = resumed === undefined ? toReady(db, key) : toReadyAgain(db, { ...key, number: resumed })
      const { moved, providerId } = await ready
      await next(providerId)
      return moved
    },

    /** It is to rest: from here nobody comes in any more. */
    beginPausing: async (key: PauseKey): Promise<Moved> => await toPausing(db, key),

    /** It rests, and gives back what it needs only as it runs; or it could not be paused, and runs on. */
    endPausing: async ({ outcome, ...key }: PauseKey & { readonly outcome: 'paused' | 'runs' }): Promise<Moved> =>
      await (outcome === 'paused' ? toPaused(db, key) : backToReady(db, key)),

    /** Decides whether a paused session may hold again what it runs with; makes it so. */
    readmit: async (key: PauseKey): Promise<Readmitted> => await readmitSession(db, key),

    /** It goes on as its next generation: what it stood on went as it was paused. */
    beginAnew: async (key: PauseKey): Promise<Moved> => await toNextGeneration(db, key),

    /** It could not be resumed, and rests on. Who waited for its place may begin. */
    stayPaused: async ({ reason, ...key }: PauseKey & { readonly reason: FailReason }): Promise<Moved> => {
      const { moved, providerId } = await backToPaused(db, key, reason)
      await next(providerId)
      return moved
    },

    /** From here the session only ends. Who waited for its place may begin. */
    beginStopping: async (input: { readonly key: SessionKey; readonly reason: Reason }): Promise<Moved> => {
      const { moved, providerId } = await toStopping(db, input.key, input.reason)
      await next(providerId)
      return moved
    },

    /** The system's own wish that a session ends, written like everybody's. */
    requestStop: async (input: { readonly sessionId: SessionId; readonly reason: StopReason }): Promise<void> => {
      await db.transaction().execute(async (trx) => await requestStop(trx, input.sessionId, input.reason))
    },

    /** The run that looks after the session fails, and somebody must go on: the starter finds out who. */
    callForHelp: async (input: { readonly sessionId: SessionId }): Promise<void> => {
      await callForHelp(db, input.sessionId)
    },

    /** Gives back what the generation holds; nothing can be reserved for it any more. */
    releaseReservation: async (key: SessionKey): Promise<void> => {
      await releaseReservation(db, key)
    },

    /** Nothing is left: the session is at its end. */
    end: async (key: SessionKey): Promise<Moved> => await endSession(db, key),

    /** An operator gives up on its cleaning: it ends, and what may be left is found by its tombstone. */
    abandon: async (key: SessionKey): Promise<Moved> => await abandonSession(db, key),

    /** Cleaning takes too long: says so in the session's history, for those who can help. Returns when to ask again, if at all. */
    cleanupOverdue: async (input: SessionKey & { readonly timings: Timings }): Promise<number | null> =>
      await markCleanupOverdue(db, input, input.timings.cleanupOverdueMs),

    /** What is still to be undone for a session whose own workflow is gone. */
    pendingUndo: async (input: { readonly sessionId: SessionId }): Promise<PendingUndo | null> =>
      await pendingUndo(db, input.sessionId),
  }
}

export type SessionActivities = ReturnType<typeof createSessionActivities>
