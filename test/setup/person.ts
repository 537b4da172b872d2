import { randomUUID } from 'node:crypto'
import { createAccount } from '../../db/accounts.ts'
import type { Db } from '../../db/connect.ts'
import type { Posix } from '../../db/schema.ts'
import { createToken } from '../../db/tokens.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ProjectId } from '../../domain/ids.ts'
import { scopes } from '../../domain/authorization.ts'
import type { Role, Scope } from '../../domain/authorization.ts'

/** `admin` reaches an operator's commands, too; an admin gives it. */
const scopesOf: Readonly<Record<Role, readonly Scope[]>> = {
  member: scopes.filter((scope) => scope !== 'admin' && scope !== 'act-as'),
  operator: scopes.filter((scope) => scope !== 'act-as'),
  admin: scopes,
}

/** Somebody with an account, and a token for everything that their role may. */
export async function addPerson(
  db: Db,
  role: Role,
  posix: Posix | null = null,
): Promise<{ readonly accountId: AccountId; readonly token: string }> {
  const accountId = newId('account')
  return await db.transaction().execute(async (trx) => {
    await createAccount(trx, {
      id: accountId,
      displayName: `Test ${role}`,
      email: null,
      organisation: null,
      roles: role === 'member' ? ['member'] : ['member', role],
      groups: [],
      posix,
    })
    const token = await createToken(trx, {
      id: newId('token'),
      accountId,
      client: 'test',
      name: `Test ${role}`,
      scopes: scopesOf[role],
      expiresAt: new Date(Date.now() + 24 * 60 * 60 * 1_000),
    })
    return { accountId, token }
  })
}

/** An account with its personal project. */
export async function addAccount(
  db: Db,
  posix: Posix | null = null,
): Promise<{ readonly accountId: AccountId; readonly projectId: ProjectId }> {
  const id = newId('account')
  await db.transaction().execute(async (trx) => {
    await createAccount(trx, {
      id,
      displayName: `Ada ${randomUUID()}`,
      email: null,
      organisation: null,
      roles: ['member'],
      groups: [],
      posix,
    })
  })
  const project = await db.selectFrom('project').select('id').where('personal_of', '=', id).executeTakeFirstOrThrow()
  return { accountId: id, projectId: project.id }
}
