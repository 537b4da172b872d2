import { sql } from 'kysely'
import { newId } from '../domain/ids.ts'
import type { AccountId, ProjectId } from '../domain/ids.ts'
import type { Role } from '../domain/authorization.ts'
import type { Executor, Trx } from './connect.ts'
import { insertProject } from './projects.ts'
import type { Posix, PosixSource } from '../domain/posix.ts'
import { openBooks } from './quotas.ts'

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
  readonly posixSource: PosixSource | null
  readonly posixShared: boolean
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
      ...(account.posix === null ? {} : { posix: JSON.stringify(account.posix), posix_source: 'admin' }),
    })
    .execute()
  await openBooks(trx, { kind: 'account', id: account.id })
  const personal = { id: newId('project'), name: 'Personal', description: '' }
  await insertProject(trx, { ...personal, ownerId: account.id, personal: true })
}

/** Accounts, each with its personal project. */
export const accountRows = (executor: Executor) =>
  executor
    .selectFrom('account')
    .innerJoin('project', 'project.personal_of', 'account.id')
    .selectAll('account')
    .select('project.id as personal_project_id')

type Row = Awaited<ReturnType<ReturnType<typeof accountRows>['executeTakeFirstOrThrow']>>

export const accountView = (row: Row): Account => ({
  id: row.id,
  displayName: row.display_name,
  email: row.email,
  organisation: row.organisation,
  roles: row.roles,
  groups: row.groups,
  posix: row.posix,
  posixSource: row.posix === null ? null : (row.posix_source ?? 'admin'),
  posixShared: row.posix_shared,
  personalProjectId: row.personal_project_id,
  version: row.version,
  createdAt: row.created_at,
  disabledAt: row.disabled_at,
  eraseRequestedAt: row.erase_requested_at,
  erasedAt: row.erased_at,
})

export async function getAccount(executor: Executor, id: AccountId): Promise<Account | null> {
  const row = await accountRows(executor).where('account.id', '=', id).executeTakeFirst()
  return row === undefined ? null : accountView(row)
}

export interface AccountChange {
  readonly displayName?: string | undefined
  readonly email?: string | null | undefined
  readonly organisation?: string | null | undefined
  readonly groups?: readonly string[] | undefined
}

/** Changes what is named. `versions`: `null` whatever the account's is. */
export async function updateAccount(
  trx: Trx,
  id: AccountId,
  set: AccountChange,
  versions: readonly number[] | null,
): Promise<'done' | 'absent' | 'changed' | 'leaves'> {
  const account = await trx
    .selectFrom('account')
    .select(['version', 'erase_requested_at'])
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (account === undefined) return 'absent'
  if (versions !== null && !versions.includes(account.version)) return 'changed'
  if (account.erase_requested_at !== null) return 'leaves'
  await trx
    .updateTable('account')
    .set({
      ...(set.displayName === undefined ? {} : { display_name: set.displayName }),
      ...(set.email === undefined ? {} : { email: set.email }),
      ...(set.organisation === undefined ? {} : { organisation: set.organisation }),
      ...(set.groups === undefined ? {} : { groups: [...new Set(set.groups)] }),
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .execute()
  return 'done'
}
