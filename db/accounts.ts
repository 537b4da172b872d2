import { sql } from 'kysely'
import { newId } from '../domain/ids.ts'
import type { AccountId, ProjectId, SessionId } from '../domain/ids.ts'
import type { Role } from '../domain/authorization.ts'
import type { Executor, Trx } from './connect.ts'
import { requestStop } from './intents.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { insertProject } from './projects.ts'
import { openBooks } from './quotas.ts'
import type { Posix } from './schema.ts'

export interface NewAccount {
  readonly displayName: string
  readonly email: string | null
  readonly organisation: string | null
  readonly roles: readonly Role[]
  readonly groups: readonly string[]
  readonly posix: Posix | null
}

export interface Account extends NewAccount {
  readonly id: AccountId
  readonly personalProjectId: ProjectId
  readonly version: number
  readonly createdAt: Date
  readonly disabledAt: Date | null
  readonly eraseRequestedAt: Date | null
  readonly erasedAt: Date | null
}

/** Makes the account with all that belongs to it from its first moment: its quota row and its personal project. */
export async function createAccount(trx: Trx, account: NewAccount & { readonly id: AccountId }): Promise<void> {
  await trx
    .insertInto('account')
    .values({
      id: account.id,
      display_name: account.displayName,
      email: account.email,
      organisation: account.organisation,
      roles: [...account.roles],
      groups: [...account.groups],
      posix: account.posix === null ? null : JSON.stringify(account.posix),
    })
    .execute()
  await openBooks(trx, { kind: 'account', id: account.id })
  const personal = { id: newId('project'), name: 'Personal', description: '' }
  await insertProject(trx, { ...personal, ownerId: account.id, personal: true })
}

const accounts = (executor: Executor) =>
  executor
    .selectFrom('account')
    .innerJoin('project', 'project.personal_of', 'account.id')
    .selectAll('account')
    .select('project.id as personal_project_id')

type Row = Awaited<ReturnType<ReturnType<typeof accounts>['executeTakeFirstOrThrow']>>

const view = (row: Row): Account => ({
  id: row.id,
  displayName: row.display_name,
  email: row.email,
  organisation: row.organisation,
  roles: row.roles,
  groups: row.groups,
  posix: row.posix,
  personalProjectId: row.personal_project_id,
  version: row.version,
  createdAt: row.created_at,
  disabledAt: row.disabled_at,
  eraseRequestedAt: row.erase_requested_at,
  erasedAt: row.erased_at,
})

export async function getAccount(executor: Executor, id: AccountId): Promise<Account | null> {
  const row = await accounts(executor).where('account.id', '=', id).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** Accounts, newest first; disabled ones too. */
export async function listAccounts(executor: Executor, { after, limit }: PageAsk): Promise<Page<Account>> {
  const rows = await accounts(executor)
    .$if(after !== null, (q) => q.where('account.id', '<', after as AccountId))
    .orderBy('account.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, view)
}

/**
 * Disables the account and asks its sessions to stop, in one transaction. The last admin that can still sign in stays.
 * Repeats change nothing.
 */
export async function disableAccount(
  trx: Trx,
  id: AccountId,
): Promise<'disabled' | 'already' | 'absent' | 'last_admin'> {
  // All admins are locked, in one order: two who disable each other at once would leave none.
  const admins = await trx
    .selectFrom('account')
    .select('id')
    .where(sql<boolean>`'admin' = any(roles)`)
    .where('disabled_at', 'is', null)
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  const account = await trx
    .selectFrom('account')
    .select('disabled_at')
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (account === undefined) return 'absent'
  if (account.disabled_at !== null) return 'already'
  if (admins.length === 1 && admins[0]?.id === id) return 'last_admin'
  await trx
    .updateTable('account')
    .set({ disabled_at: sql<Date>`now()`, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  for (const session of await liveSessionsOf(trx, id)) await requestStop(trx, session, 'account_disabled')
  return 'disabled'
}

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
