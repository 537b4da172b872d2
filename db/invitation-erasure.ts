import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'
import { endInvitation } from './invitation-steps.ts'

/**
 * Of an account that is erased: what it wrote and what was meant for it ends, and no address of it or by it is kept. What was
 * accepted stays as a line without an address. After everything else of the account: who invites locks invitations last.
 */
export async function forgetInvitationsOf(trx: Trx, id: AccountId, emails: readonly string[]): Promise<void> {
  const concerned = sql<boolean>`(inviter_id = ${id} or accepted_by = ${id} or email = any(${[...emails]}::text[]))`
  const open = await trx
    .selectFrom('invitation')
    .select('id')
    .where(concerned)
    .where('ended_at', 'is', null)
    .orderBy('id')
    .execute()
  for (const invitation of open)
    await endInvitation(trx, invitation.id, { state: 'revoked', reason: 'account_disabled', telling: true })
  await trx.updateTable('invitation').set({ email: '' }).where(concerned).execute()
}
