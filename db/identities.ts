import type { AccountId } from '../domain/ids.ts'
import { revokeBrowserSessions } from './browser-sessions.ts'
import type { Executor, Trx } from './connect.ts'
import { lockIdentity } from './identity-claims.ts'

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

/** Nobody signs in in more ways. */
const most = 100

/** The account's identities, the oldest first. */
export async function identitiesOf(executor: Executor, accountId: AccountId): Promise<readonly Identity[]> {
  const rows = await executor
    .selectFrom('identity')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('created_at')
    .orderBy('issuer')
    .orderBy('subject')
    .limit(most)
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

/** Gives an account an identity before its first sign-in. `taken`: it is another account's. */
export async function addIdentity(
  trx: Trx,
  accountId: AccountId,
  { issuer, subject }: Key,
): Promise<'added' | 'already' | 'taken'> {
  const holder = await lockIdentity(trx, { issuer, subject })
  if (holder !== null) return holder.accountId === accountId ? 'already' : 'taken'
  await trx.insertInto('identity').values({ issuer, subject, account_id: accountId }).execute()
  return 'added'
}

/** Takes an identity from an account, and ends the browser sessions that it opened. */
export async function removeIdentity(
  trx: Trx,
  accountId: AccountId,
  { issuer, subject }: Key,
): Promise<'removed' | 'absent'> {
  const removed = await trx
    .deleteFrom('identity')
    .where('issuer', '=', issuer)
    .where('subject', '=', subject)
    .where('account_id', '=', accountId)
    .returning('account_id')
    .executeTakeFirst()
  if (removed === undefined) return 'absent'
  await revokeBrowserSessions(trx, { issuer, subject })
  return 'removed'
}
