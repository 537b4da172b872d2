import { sql } from 'kysely'
import type { AccountId, SessionId } from '../domain/ids.ts'
import { isEnd } from '../domain/lifecycle.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import { disableAccount } from './account-standing.ts'
import type { Trx } from './connect.ts'
import { recordEvent } from './events.ts'
import { wake } from './intents.ts'

/**
 * Has the session's workflow look at once. One that waits for its provider's breaker need not wait for the next try: it is due
 * now, and whoever of that provider's queue asks first is the probe.
 */
export async function requestRetry(trx: Trx, sessionId: SessionId): Promise<'requested' | 'ended' | 'absent'> {
  const session = await trx
    .selectFrom('session')
    .select(['state', 'provider_id'])
    .where('id', '=', sessionId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (session === undefined) return 'absent'
  if (isEnd(session.state)) return 'ended'
  await trx.updateTable('session').set(wake).where('id', '=', sessionId).execute()
  if (session.state === 'queued')
    await trx
      .updateTable('provider_health')
      .set({ retry_at: sql<Date>`now()` })
      .where('provider_id', '=', session.provider_id)
      .where('state', '=', 'open')
      .execute()
  return 'requested'
}

export type AbandonOutcome =
  | { readonly kind: 'requested' | 'already' | 'absent' | 'not_overdue' }
  /** Only a cleanup can be given up on. */
  | { readonly kind: 'not_stopping'; readonly state: SessionState }

/**
 * Records that an operator gives up on a session's cleanup: it is to end although nobody knows whether anything is left. Only
 * where that takes longer than its limit, unless forced. A repeat records nothing, but has the starter look whether anybody obeys.
 */
export async function requestAbandon(
  trx: Trx,
  sessionId: SessionId,
  { force }: { readonly force: boolean },
): Promise<AbandonOutcome> {
  const session = await trx
    .selectFrom('session')
    .select(['state', 'abandon_requested_at', 'cleanup_overdue_at', 'wake_version', 'seen_version'])
    .where('id', '=', sessionId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (session === undefined) return { kind: 'absent' }
  if (session.abandon_requested_at !== null) {
    const isUnheard = session.seen_version < session.wake_version
    if (!isEnd(session.state) && !isUnheard)
      await trx.updateTable('session').set(wake).where('id', '=', sessionId).execute()
    return { kind: 'already' }
  }
  if (session.state !== 'stopping') return { kind: 'not_stopping', state: session.state }
  if (session.cleanup_overdue_at === null && !force) return { kind: 'not_overdue' }
  await trx
    .updateTable('session')
    .set({ abandon_requested_at: sql<Date>`now()`, version: sql<number>`version + 1`, ...wake })
    .where('id', '=', sessionId)
    .execute()
  await recordEvent(trx, sessionId, 'session.abandon_requested', {})
  return { kind: 'requested' }
}

/**
 * Records that an account is to be erased, and disables it: its tokens end, its sessions are asked to stop. What is personal goes
 * when they have ended. The last admin stays. Repeats change nothing.
 */
export async function requestErasure(
  trx: Trx,
  id: AccountId,
): Promise<'requested' | 'already' | 'absent' | 'last_admin'> {
  const disabled = await disableAccount(trx, id)
  if (disabled === 'absent' || disabled === 'last_admin') return disabled
  const changed = await trx
    .updateTable('account')
    .set({ erase_requested_at: sql<Date>`now()`, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .where('erase_requested_at', 'is', null)
    .executeTakeFirst()
  return changed.numUpdatedRows > 0n ? 'requested' : 'already'
}
