import type { AccountId } from '../domain/ids.ts'
import { lockLastAdmin } from './account-standing.ts'
import { revokeBrowserSessions } from './browser-sessions.ts'
import type { Executor, Trx } from './connect.ts'
import { lockIdentity } from './identity-claims.ts'
import { isLeaving } from './leaving.ts'
import { endTokens } from './token-endings.ts'

/** Who an account is to an issuer. */
export interface Identity {
  readonly issuer: string
  readonly subject: string
  readonly displayName: string | null
  readonly email: string | null
  readonly emailVerified: boolean
  readonly createdAt: Date
  readonly signedInAt: Date | null
}
type Key = Pick<Identity, 'issuer' | 'subject'>

/** So many identities an account has at most. */
export const mostIdentities = 20

/** The account's identities, the oldest first. There are few. */
export async function listIdentities(executor: Executor, accountId: AccountId): Promise<readonly Identity[]> {
  const rows = await executor
    .selectFrom('identity')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('created_at')
    .orderBy('issuer')
    .orderBy('subject')
    .limit(100)
    .execute()
  return rows.map((row) => ({
    issuer: row.issuer,
    subject: row.subject,
    displayName: row.display_name,
    email: row.email,
    emailVerified: row.email_verified,
    createdAt: row.created_at,
    signedInAt: row.signed_in_at,
  }))
}

/** Whether the account has as many identities as it may. */
export const isFull = async (executor: Executor, accountId: AccountId): Promise<boolean> =>
  (await listIdentities(executor, accountId)).length >= mostIdentities

/** `taken`: it is another account's. `full`: the account has as many as it may. `leaves`: it is being erased. */
export type Linked = 'linked' | 'already' | 'taken' | 'full' | 'leaves'

/** Gives an account, which is there, an identity, unless it is somebody else's. */
export async function linkIdentity(trx: Trx, accountId: AccountId, { issuer, subject }: Key): Promise<Linked> {
  // The identity, then the account, as whoever signs in.
  const holder = await lockIdentity(trx, { issuer, subject })
  if (await isLeaving(trx, accountId)) return 'leaves'
  if (holder !== null) return holder.accountId === accountId ? 'already' : 'taken'
  if (await isFull(trx, accountId)) return 'full'
  await trx.insertInto('identity').values({ issuer, subject, account_id: accountId }).execute()
  return 'linked'
}

/**
 * Takes an identity from an account, and ends the browser sessions that it opened. With the last one ends all that speaks for the
 * account: nobody says any more whose that is, and one without an identity is let in as machines are. `last_admin`: nobody could let
 * anybody in any more.
 */
export async function unlinkIdentity(
  trx: Trx,
  accountId: AccountId,
  { issuer, subject }: Key,
): Promise<'unlinked' | 'absent' | 'last_admin'> {
  // Whoever signs in with it just now notes it once more: they come before, or find that it is nobody's.
  const holder = await lockIdentity(trx, { issuer, subject })
  if (holder?.accountId !== accountId) return 'absent'
  const isLastAdmin = await lockLastAdmin(trx, accountId)
  const isLast = (await listIdentities(trx, accountId)).length === 1
  if (isLast && isLastAdmin) return 'last_admin'
  await trx.deleteFrom('identity').where('issuer', '=', issuer).where('subject', '=', subject).execute()
  if (isLast) await endTokens(trx, accountId)
  else await revokeBrowserSessions(trx, { issuer, subject })
  return 'unlinked'
}
