import { sql } from 'kysely'
import { mostResends, nextStep, resendEveryMs, whyLost } from '../domain/invitation.ts'
import type {
  InvitationEnd,
  InvitationLimits,
  InvitationReason,
  InvitationState,
  InvitationStep,
} from '../domain/invitation.ts'
import type { AccountId, InvitationId } from '../domain/ids.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { recordInvitationEvent } from './invitation-events.ts'
import { wantMail } from './invitations.ts'
import { readStanding } from './invitation-standing.ts'

/** What every change that the invitation's workflow must hear of adds to its row: the starter delivers it. */
export const wakeInvitation = {
  wake_version: sql<number>`wake_version + 1`,
  next_try_at: sql<Date>`now()`,
  tries: 0,
} as const

/**
 * Ends the invitation, if it is open still: whoever ends it first wins, and its code is forgotten. `telling`: its workflow has to be
 * told, because it is not the one that says so.
 */
export async function endInvitation(
  trx: Trx,
  id: InvitationId,
  end: {
    readonly state: InvitationEnd
    readonly reason?: InvitationReason | null
    readonly acceptedBy?: AccountId
    readonly telling: boolean
  },
): Promise<'ended' | 'over'> {
  const ended = await trx
    .updateTable('invitation')
    .set({
      state: end.state,
      state_since: sql<Date>`now()`,
      ended_at: sql<Date>`now()`,
      reason: end.reason ?? null,
      code: Buffer.alloc(0),
      accepted_by: end.acceptedBy ?? null,
      ...(end.telling ? wakeInvitation : {}),
    })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    // What is over by the clock is accepted by nobody, whoever comes to say so first.
    .$if(end.state === 'accepted', (q) => q.where('expires_at', '>', sql<Date>`clock_timestamp()`))
    .returning('id')
    .executeTakeFirst()
  if (ended === undefined) return 'over'
  await trx
    .updateTable('invitation_mail')
    .set({ ended_at: sql<Date>`now()`, outcome: 'void' })
    .where('invitation_id', '=', id)
    .where('ended_at', 'is', null)
    .execute()
  const reason = end.reason ?? null
  await recordInvitationEvent(trx, id, 'invitation.state', {
    state: end.state,
    ...(reason === null ? {} : { reason }),
    ...(end.acceptedBy === undefined ? {} : { accountId: end.acceptedBy }),
  })
  return 'ended'
}

/** The same in a transaction of its own, of what nobody asked for. */
export const closeInvitation = async (
  db: Db,
  id: InvitationId,
  end: { readonly state: InvitationEnd; readonly reason: InvitationReason | null; readonly telling: boolean },
): Promise<'ended' | 'over'> => await db.transaction().execute(async (trx) => await endInvitation(trx, id, end))

/** Back and forth between `sending` and `sent`. The row is locked. */
export async function showState(trx: Trx, id: InvitationId, state: 'sending' | 'sent'): Promise<void> {
  const other: InvitationState = state === 'sent' ? 'sending' : 'sent'
  const moved = await trx
    .updateTable('invitation')
    .set({ state, state_since: sql<Date>`now()` })
    .where('id', '=', id)
    .where('state', '=', other)
    .returning('id')
    .executeTakeFirst()
  if (moved !== undefined) await recordInvitationEvent(trx, id, 'invitation.state', { state })
}

/** So long after what was due the starter sees to a run that has not done it, ms. */
const lateMs = 60_000

/** Reads what is to be done next, and notes that it was looked. `null`: there is no such invitation. */
export async function lookAtInvitation(
  db: Db,
  id: InvitationId,
  limits: InvitationLimits,
): Promise<InvitationStep | null> {
  return await db.transaction().execute(async (trx) => {
    const row = await lockInvitation(trx, id)
    const standing = row === null ? null : await readStanding(trx, id)
    if (row === null || standing === null) return null
    const mail = await openMail(trx, id, limits)
    const step = nextStep(
      {
        state: row.state,
        expiresAt: row.expires_at.getTime(),
        remindAt: row.remind_at?.getTime() ?? null,
        lost: whyLost(standing),
        mail,
        now: row.now.getTime(),
      },
      limits,
    )
    const dueInMs = step.do === 'wait' ? step.ms : 0
    await trx
      .updateTable('invitation')
      .set({
        seen_version: row.wake_version,
        next_try_at: sql<Date>`now() + ${dueInMs + lateMs}::float8 * interval '1 millisecond'`,
        tries: 0,
      })
      .where('id', '=', id)
      .execute()
    return step
  })
}

/** Locks the invitation, the last of what anybody locks. */
export async function lockInvitation(trx: Trx, id: InvitationId) {
  const row = await trx
    .selectFrom('invitation')
    .select(['state', 'expires_at', 'remind_at', 'wake_version', 'delivery', 'created_at'])
    .select(sql<Date>`clock_timestamp()`.as('now'))
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  return row ?? null
}

async function openMail(executor: Executor, id: InvitationId, { mailTryMs }: InvitationLimits) {
  const row = await executor
    .selectFrom('invitation_mail')
    .select(['number', 'wanted_at', 'next_try_at', 'began_at', 'problem'])
    .where('invitation_id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return row === undefined
    ? null
    : {
        number: row.number,
        wantedAt: row.wanted_at.getTime(),
        // Of a try that began nobody knows the end: it may be under way, or gone with its worker.
        nextTryAt: Math.max(row.next_try_at.getTime(), row.began_at === null ? 0 : row.began_at.getTime() + mailTryMs),
        problem: row.problem,
      }
}

/** Notes that somebody is to be reminded, once. */
export async function wantReminder(db: Db, id: InvitationId): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockInvitation(trx, id)
    if (row === null || row.state !== 'sent' || row.remind_at === null || row.remind_at > row.now) return
    await trx.updateTable('invitation').set({ remind_at: null }).where('id', '=', id).execute()
    await wantMail(trx, id, 'reminder')
    await showState(trx, id, 'sending')
  })
}

export type Resent = 'wanted' | 'over' | 'under_way' | 'too_soon' | 'too_often' | 'no_mail'

/** Notes that the inviter wants the same link sent once more. */
export async function wantResend(trx: Trx, id: InvitationId): Promise<Resent> {
  const row = await lockInvitation(trx, id)
  if (row === null || row.expires_at <= row.now || (row.state !== 'sent' && row.state !== 'sending')) return 'over'
  if (row.delivery === 'link') return 'no_mail'
  if (row.state === 'sending') return 'under_way'
  const { rows } = await sql<{ resends: number; lastMs: number | null }>`
    select count(*) filter (where kind = 'resend')::int as resends,
      extract(epoch from clock_timestamp() - max(wanted_at))::float8 * 1000 as "lastMs"
    from invitation_mail where invitation_id = ${id}`.execute(trx)
  const { resends = 0, lastMs = null } = rows[0] ?? {}
  if (resends >= mostResends) return 'too_often'
  if (lastMs !== null && lastMs < resendEveryMs) return 'too_soon'
  await wantMail(trx, id, 'resend')
  await showState(trx, id, 'sending')
  await trx.updateTable('invitation').set(wakeInvitation).where('id', '=', id).execute()
  return 'wanted'
}
