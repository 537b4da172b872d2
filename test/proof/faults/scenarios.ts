import { sessionWorkflowId } from '../../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../../domain/ids.ts'
import type { NewSession } from '../../../db/intents.ts'
import { endStates } from '../../../domain/lifecycle.ts'
import type { SessionState } from '../../../domain/lifecycle.ts'
import type { MailActivities } from '../../../activities/invitation.ts'
import type { RegisteredActivities } from '../../../worker/activities.ts'
import type { ChoreName } from './chores.ts'
import type { Case, Lead } from './desk.ts'
import type { Fault } from './faults.ts'
import type { Ground } from './ground.ts'
import { useDesk } from './outside.ts'

/** But what is sent by mail: the races of invitations have faults of their own. */
export type ActivityName = Exclude<keyof RegisteredActivities, keyof MailActivities>
/** Those that serve no single session; `chores.ts` has the rest. */
export type SessionActivityName = Exclude<ActivityName, ChoreName>

/** Who is outside: what instances are made at, or the gateway to their doors. */
export type Asked = 'provider' | 'gateway'

/** A session, and where it runs. */
export interface Subject {
  readonly sessionId: SessionId
  readonly providerId: ProviderId
}

/** How a session is led so that it calls an activity by its own workflow. */
export interface Scenario {
  /** How its wish differs from an ordinary one. */
  readonly wish?: Partial<NewSession>
  /** Whom it asks outside, if anybody: faults between the two are tried as well. */
  readonly asks?: Asked
  /** It asks its provider as well what was used, where that counts. */
  readonly counts?: true
  /** What its provider must be able to do, or it is never called. */
  readonly needs?: 'pause'
  /** What it does there concerns others at the same provider: it has one of its own. */
  readonly alone?: true
  /** It serves no session but looks after its provider. */
  readonly servesProvider?: true
  readonly prepare?: (ground: Ground, subject: Subject) => Promise<void>
  readonly lead?: (ground: Ground, subject: Subject, fault: Fault) => Lead
  /** What happens once it is ready; unless named, its owner stops it. */
  readonly whenReady?: (ground: Ground, subject: Subject, planned: Case) => Promise<void>
  /** Its end, if no fault brings another one; `exit`: of one whose instance ends without being asked to. */
  readonly ends: string
}

const ordinary: Scenario = { ends: 'stopped:user' }

const atTheDesk: Scenario = {
  ...ordinary,
  whenReady: async (ground, { sessionId }, { activity, fault, calls }) => {
    await useDesk(ground, sessionId)
    // What was done is done: that it is to be called again shows only if there is time to.
    if (activity === 'settleDoors' && fault.repeats === true)
      while (calls() < 2) await new Promise((resolve) => setTimeout(resolve, 40))
    await ground.stop(sessionId)
  },
}

/** It rests, goes on, and is stopped. `whenPaused`: what happens in between. */
const resting = (whenPaused: (ground: Ground, subject: Subject) => Promise<void> = async () => {}): Scenario => ({
  ...ordinary,
  needs: 'pause',
  whenReady: async (ground, subject) => {
    const { sessionId } = subject
    await ground.askPause(sessionId, 'pause')
    const paused = await ground.until(sessionId, ['paused', ...over], patientMs)
    if (paused?.state !== 'paused') return
    await whenPaused(ground, subject)
    await ground.askPause(sessionId, 'resume')
    await ground.untilSettled(sessionId, patientMs)
    await ground.stop(sessionId)
  },
})

const over: readonly SessionState[] = ['stopping', ...endStates]
/** Longer than any case: it may be held on its way until its worker is killed. */
const patientMs = 60 * 60_000

/** With `chores`, one for every activity that any worker registers; the compiler and the suite know which are missing. */
export const scenarios: Readonly<Record<SessionActivityName, Scenario>> = {
  // Its run fails for good as it removes, and somebody else goes on.
  callForHelp: {
    ...ordinary,
    lead: () => (visit, calls) =>
      visit.activity === 'removeInstance' && visit.place === 'before' && calls('callForHelp') === 0
        ? 'fail for good'
        : null,
  },

  // Whatever happens to who looks at the provider, that an instance ended is seen.
  observeProvider: {
    asks: 'provider',
    servesProvider: true,
    alone: true,
    whenReady: async (ground, { sessionId }, { happened }) => {
      await happened
      await ground.exit(sessionId)
    },
    ends: 'exit',
  },

  // It waits for a provider that takes nobody, until the moment when it asks for its place.
  dispatch: {
    ...ordinary,
    alone: true,
    prepare: async (ground, { providerId }) => await ground.drain(providerId, true),
    lead:
      (ground, { providerId }) =>
      async (visit) => {
        if (visit.activity === 'dispatch' && visit.place === 'before') await ground.drain(providerId, false)
        return null
      },
  },

  look: ordinary,
  admit: ordinary,
  becomeReady: ordinary,
  beginStopping: ordinary,
  releaseReservation: ordinary,
  end: ordinary,
  createInstance: { ...ordinary, asks: 'provider' },
  awaitReady: { ...ordinary, asks: 'provider' },
  removeInstance: { ...ordinary, asks: 'provider', counts: true },

  // Its owner has it rest, and go on.
  beginPausing: resting(),
  endPausing: resting(),
  readmit: resting(),
  pauseInstance: { ...resting(), asks: 'provider' },
  resumeInstance: { ...resting(), asks: 'provider' },
  // As where what was paused went, and the next generation continues it.
  beginAnew: resting(async ({ db }, { sessionId }) => {
    await db.updateTable('session').set({ resumes_by: 'remakes' }).where('id', '=', sessionId).execute()
  }),
  // Its provider would not have it go on.
  stayPaused: {
    ...resting(),
    lead:
      () =>
      ({ activity, place }, calls) =>
        activity === 'resumeInstance' && place === 'before' && calls('stayPaused') === 0
          ? { instead: { kind: 'paused' } }
          : null,
  },

  // Its owner opens the desk, through the gateway outside.
  settleDoors: { ...atTheDesk, asks: 'gateway' },
  closeDoors: { ...atTheDesk, asks: 'gateway' },

  // Its time is over.
  requestStop: { wish: { lifetimeSeconds: 1 }, whenReady: async () => {}, ends: 'stopped:expired' },

  // What runs in it ends by itself, and a list shows it.
  inspectInstance: {
    asks: 'provider',
    whenReady: async (ground, { sessionId }) => await ground.exit(sessionId),
    ends: 'exit',
  },

  // Its run is ended by hand, and a stop finds nobody.
  pendingUndo: {
    ...ordinary,
    whenReady: async (ground, { sessionId }) => {
      await ground.client.workflow.getHandle(sessionWorkflowId(sessionId)).terminate('the proof ends it')
      await ground.stop(sessionId)
    },
  },

  // Nobody hears that its backend removed it, and an operator gives up.
  abandon: {
    lead: () => (visit, calls) =>
      visit.activity === 'removeInstance' && visit.place === 'answered' && calls('abandon') === 0 ? 'fail' : null,
    whenReady: async (ground, { sessionId }, { reached }) => {
      await ground.stop(sessionId)
      await reached('removeInstance', 'answered')
      await ground.abandon(sessionId)
    },
    ends: 'failed:abandoned',
  },

  // Its backend does not remove it before the alarm was raised, and raised again where the fault has it.
  cleanupOverdue: {
    ...ordinary,
    lead:
      (_ground, _subject, { repeats }) =>
      (visit, calls) =>
        visit.activity === 'removeInstance' &&
        visit.place === 'asking' &&
        calls('cleanupOverdue') < (repeats === true ? 2 : 1)
          ? 'fail'
          : null,
  },
}
