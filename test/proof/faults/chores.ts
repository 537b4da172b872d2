import { newId } from '../../../domain/ids.ts'
import type { SessionId } from '../../../domain/ids.ts'
import type { Action } from '../../../domain/reconciliation.ts'
import type { RegisteredActivities } from '../../../worker/activities.ts'
import type { Lead } from './desk.ts'
import type { Ground } from './ground.ts'
import type { Asked } from './scenarios.ts'

/** A workflow that serves no single session, and calls an activity by itself. */
export interface Chore {
  readonly workflow: 'reconcile' | 'expire' | 'retention' | 'watchDoors'
  /** Whom it asks outside, if anybody: faults between the two are tried as well. */
  readonly asks?: Asked
  /** Makes what it is to find; `action` is what it is to do about that. */
  readonly prepare?: (ground: Ground, live: SessionId) => Promise<Prepared>
}

export interface Prepared {
  readonly action: Action
  /** What must be true when it is done; in words where it is not. */
  readonly breaches?: () => Promise<string[]>
}

const reconcile: Chore = { workflow: 'reconcile' }
const expire: Chore = { workflow: 'expire' }
const retention: Chore = { workflow: 'retention' }

/** Every activity that serves no single session: its workflow ends right whatever happens, and nothing else comes to harm. */
export const chores = {
  beginReconciliation: reconcile,
  surveyProvider: { ...reconcile, asks: 'provider' },
  concludeReconciliation: reconcile,
  wakeSession: {
    ...reconcile,
    prepare: async (_, sessionId) => await Promise.resolve({ action: { do: 'lookAgain', sessionId } }),
  },
  doubtInstance: {
    ...reconcile,
    prepare: async (_, sessionId) =>
      await Promise.resolve({ action: { do: 'doubtInstance', sessionId, generation: 1 } }),
  },
  nudgeWorkflow: {
    ...reconcile,
    prepare: async (_, sessionId) => await Promise.resolve({ action: { do: 'nudgeWorkflow', sessionId } }),
  },
  removeUnknown: {
    ...reconcile,
    asks: 'provider',
    prepare: async (ground) => {
      const sessionId = newId('session')
      const name = await ground.strand(sessionId)
      return {
        action: { do: 'removeUnknown', name, sessionId, generation: 1 },
        breaches: async () => {
          const held = await ground.instances()
          return held.some((i) => i.name === name) ? [`${name} is still there`] : []
        },
      }
    },
  },
  stopOverdueSessions: expire,
  forgetKeys: expire,
  forgetReconciliations: expire,
  forgetDrift: expire,
  forgetOutages: expire,
  stopIdleSessions: expire,
  settleLostDoors: expire,
  forgetDoors: expire,
  watchDoors: { workflow: 'watchDoors', asks: 'gateway' },
  eraseAccounts: retention,
  pruneEvents: retention,
  pruneSessions: retention,
  deleteSessions: retention,
  deleteAudit: retention,
} as const satisfies Partial<Record<keyof RegisteredActivities, Chore>>

export type ChoreName = keyof typeof chores

/** The reconciliation finds this one thing to do, whatever there is. */
export const planning =
  (action: Action | null): Lead =>
  ({ activity, place }) =>
    action !== null && activity === 'surveyProvider' && place === 'before'
      ? { instead: { kind: 'planned', actions: [action], withheld: null } }
      : null
