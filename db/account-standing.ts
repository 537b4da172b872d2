import { sql } from 'kysely'
import type { Role } from '../domain/authorization.ts'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'
import { requestStop } from './intents.ts'
import { endTokens } from './token-endings.ts'
import { transferSessions } from './transfers.ts'
import type { TransferRules } from './transfers.ts'

/** `last_admin`: nobody could let anybody in any more. */
export type Disabled = 'disabled' | 'already' | 'absent' | 'last_admin' | 'no_heir'

/**
 * Disables the account: all its tokens and browser sessions end, for good; its sessions become `heirId`'s, where that is named and
 * may have them by `rules`, and are asked to stop else. One transaction; the last admin that can still sign in stays. Repeats change nothing.
 */
export async function disableAccount(
  trx: Trx,
  id: AccountId,
  heirId: AccountId | null = null,
  rules?: TransferRules,
): Promise<Disabled> {
  const { admins, account, heir } = await lockStanding(trx, id, heirId)
  if (account === undefined) return 'absent'
  if (account.disabled_at !== null) return 'already'
  if (heirId !== null && (heirId === id || heir === undefined || heir.disabled_at !== null)) return 'no_heir'
  if (isLast(admins, id)) return 'last_admin'
  const live = await liveSessionsOf(trx, id)
  // While it may still own what it gives away.
  const given = heirId === null || live.length === 0 ? null : await transferSessions(trx, live, heirId, rules)
  await trx
    .updateTable('account')
    .set({ disabled_at: sql<Date>`now()`, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  // For good: why the account was disabled, nobody may remember when it is let in again.
  await endTokens(trx, id)
  for (const session of live)
    if (given?.get(session)?.kind !== 'transferred') await requestStop(trx, session, 'account_disabled')
  return 'disabled'
}

/** Lets a disabled account in again; its tokens stay ended. `leaves`: it is being erased. Repeats change nothing. */
export async function enableAccount(trx: Trx, id: AccountId): Promise<'enabled' | 'already' | 'absent' | 'leaves'> {
  const account = await trx
    .selectFrom('account')
    .select(['disabled_at', 'erase_requested_at'])
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (account === undefined) return 'absent'
  if (account.erase_requested_at !== null) return 'leaves'
  if (account.disabled_at === null) return 'already'
  await trx
    .updateTable('account')
    .set({ disabled_at: null, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  // What was made while it was being disabled is worth no more than what was made before.
  await endTokens(trx, id)
  return 'enabled'
}

/**
 * Gives the account these roles and no others. The last admin that can still sign in stays one; another who is one no more loses
 * the tokens that act for others. `versions`: `null` whatever it is at.
 */
export async function putRoles(
  trx: Trx,
  id: AccountId,
  roles: readonly Role[],
  versions: readonly number[] | null,
): Promise<'done' | 'absent' | 'changed' | 'last_admin' | 'leaves'> {
  const { admins, account } = await lockStanding(trx, id, null)
  if (account === undefined) return 'absent'
  if (versions !== null && !versions.includes(account.version)) return 'changed'
  if (account.erase_requested_at !== null) return 'leaves'
  if (!roles.includes('admin') && isLast(admins, id)) return 'last_admin'
  await trx
    .updateTable('account')
    .set({ roles: [...new Set(roles)], version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  if (!roles.includes('admin') && account.admin) await endActingTokens(trx, id)
  return 'done'
}

/** They reach every account by themselves, whatever roles their own has: an admin gave them, maybe to itself. */
async function endActingTokens(trx: Trx, id: AccountId): Promise<void> {
  await trx
    .updateTable('token')
    .set({ revoked_at: sql<Date>`now()` })
    .where('account_id', '=', id)
    .where('revoked_at', 'is', null)
    .where(sql<boolean>`'act-as' = any(scopes)`)
    .execute()
}

/** Somebody can be this account: by signing in, or by a token that an admin's work may be done with. */
const canBeUsed = sql<boolean>`(erase_requested_at is null and (
  exists (select from identity i where i.account_id = account.id)
  or exists (select from token t where t.account_id = account.id and t.revoked_at is null and t.expires_at > now()
    and 'admin' = any(t.scopes))))`

/** Locks all admins with the accounts it is about, in one order: two who take each other's standing at once would leave none. */
async function lockStanding(trx: Trx, id: AccountId, heirId: AccountId | null) {
  const isAdmin = sql<boolean>`('admin' = any(roles) and disabled_at is null)`
  const rows = await trx
    .selectFrom('account')
    .select(['id', 'disabled_at', 'erase_requested_at', 'version', isAdmin.as('admin'), canBeUsed.as('usable')])
    .where((eb) => eb.or([isAdmin, eb('id', '=', id), eb('id', '=', heirId ?? id)]))
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  return {
    /** Those whom somebody can be. */
    admins: rows.filter((row) => row.admin && row.usable).map((row) => row.id),
    account: rows.find((row) => row.id === id),
    heir: rows.find((row) => row.id === heirId),
  }
}

/** Locks the account, and whoever else is an admin; whether it is the last one that can still sign in. */
export async function lockLastAdmin(trx: Trx, id: AccountId): Promise<boolean> {
  return isLast((await lockStanding(trx, id, null)).admins, id)
}

const isLast = (admins: readonly AccountId[], id: AccountId): boolean => admins.length === 1 && admins[0] === id

async function liveSessionsOf(trx: Trx, id: AccountId): Promise<SessionId[]> {
  const rows = await trx
    .selectFrom('session')
    .select('id')
    .where('owner_id', '=', id)
    .where('ended_at', 'is', null)
    .orderBy('id')
    .execute()
  return rows.map((row) => row.id)
}
