import { endedChecksOf } from '../../../db/provider-checks.ts'
import { newId } from '../../../domain/ids.ts'
import type { CheckId, InvitationId, SessionId } from '../../../domain/ids.ts'
import type { Action } from '../../../domain/reconciliation.ts'
import type { RegisteredActivities } from '../../../worker/activities.ts'
import type { Lead } from './desk.ts'
import type { Ground } from './ground.ts'
import type { Asked } from './scenarios.ts'

/** A workflow that serves no single session, and calls an activity by itself. */
export interface Chore {
  readonly workflow: 'reconcile' | 'expire' | 'retention' | 'watchDoors' | 'check' | 'invitation' | 'catalogueSync'
  /** Whom it asks outside, if anybody: faults between the two are tried as well. */
  readonly asks?: Asked
  /** It is about a provider that nobody serves. */
  readonly unserved?: true
  /** Makes what it is to find; `action` is what it is to do about that. */
  readonly prepare?: (ground: Ground, live: SessionId) => Promise<Prepared>
}

export interface Prepared {
  readonly action?: Action
  readonly checkId?: CheckId
  readonly invitationId?: InvitationId
  /** What must be true when it is done; in words where it is not. */
  readonly breaches?: () => Promise<string[]>
}

/** An operator's wish, which nobody but the chore sees to. */
const askForCheck: Chore['prepare'] = async ({ db }, live) => {
  const id = newId('check')
  const { provider_id, owner_id } = await db
    .selectFrom('session')
    .select(['provider_id', 'owner_id'])
    .where('id', '=', live)
    .executeTakeFirstOrThrow()
  const never = new Date('9999-01-01')
  const wish = { id, provider_id, requested_by: owner_id, next_try_at: never }
  await db.insertInto('provider_check').values(wish).execute()
  return {
    checkId: id,
    breaches: async () => ((await endedChecksOf(db, [id])).length === 1 ? [] : [`the check ${id} has not ended`]),
  }
}

/** Somebody was invited; nobody but the chore looks after it, until it ends: with its time, or because its mail never goes out. */
const invite =
  (over: { readonly expires_at: Date; readonly remind_at?: Date }): NonNullable<Chore['prepare']> =>
  async ({ db }, live) => {
    const id = newId('invitation')
    const { owner_id: inviter_id, project_id } = await db
      .selectFrom('session')
      .select(['owner_id', 'project_id'])
      .where('id', '=', live)
      .executeTakeFirstOrThrow()
    await db
      .insertInto('invitation')
      .values({
        id,
        project_id,
        inviter_id,
        role: 'viewer',
        email: `${id}@site.example`,
        language: 'en',
        delivery: 'mail',
        state: 'sent',
        code_hash: Buffer.from(id),
        code: Buffer.from('sealed'),
        next_try_at: new Date('9999-01-01'),
        ...over,
      })
      .execute()
    const left = async () => {
      const row = db.selectFrom('invitation').select(['state', 'remind_at']).where('id', '=', id)
      const { state, remind_at: remindAt } = await row.executeTakeFirstOrThrow()
      const end = over.remind_at === undefined ? 'expired' : 'bounced'
      return state === end && remindAt === null ? [] : [`the invitation ${id} is ${state}`]
    }
    return { invitationId: id, breaches: left }
  }
const ago = new Date(0)
const later = new Date('9999-01-01')

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
  checkProvider: { workflow: 'check', asks: 'provider', prepare: askForCheck },
  abandonCheck: { workflow: 'check', unserved: true, prepare: askForCheck },
  lookAtInvitation: { workflow: 'invitation', prepare: invite({ expires_at: ago }) },
  endInvitation: { workflow: 'invitation', prepare: invite({ expires_at: ago }) },
  wantReminder: { workflow: 'invitation', prepare: invite({ expires_at: later, remind_at: ago }) },
  stopOverdueSessions: expire,
  stopWithdrawnSessions: expire,
  forgetKeys: expire,
  forgetReconciliations: expire,
  forgetDrift: expire,
  forgetOutages: expire,
  stopIdleSessions: expire,
  settleLostDoors: expire,
  forgetDoors: expire,
  // Of a catalogue that no worker knows: its sync ends all the same.
  readCatalogue: { workflow: 'catalogueSync' },
  settleCatalogue: { workflow: 'catalogueSync' },
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
