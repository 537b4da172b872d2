import { connect, type Db } from '../db/connect.ts'
import { createAccount, getAccount } from '../db/accounts.ts'
import { readInstallation } from '../db/installation.ts'
import type { Page } from '../db/paging.ts'
import { createToken, listTokens, revokeToken, type Token } from '../db/tokens.ts'
import { newId, type AccountId } from '../domain/ids.ts'
import { scopes, strongScopes, type Role } from '../domain/authorization.ts'
import type { Kept } from './kept.ts'

/** Tokens of the embedded stack are made at its start and revoked at its end; a crash leaves them at most this long. */
const tokenLifeMs = 30 * 24 * 60 * 60 * 1_000
const client = 'stack'

interface Principal {
  readonly accountId: AccountId
  readonly token: string
}

/** Who uses an embedded stack. */
export interface People {
  readonly deploymentId: string
  readonly admin: Principal
  readonly user: Principal
  /** Ends their tokens. */
  revoke(): Promise<void>
}

/** Finds or makes the two accounts of an embedded stack, and gives each a token for this run. Notes who they are. */
export async function makePeople(
  url: string,
  kept: Kept,
  note: (more: Partial<Kept>) => Promise<void>,
): Promise<People> {
  const { deploymentId, admin, user } = await withDatabase(url, async (db) => ({
    ...(await readInstallation(db)),
    admin: await principal(db, 'admin', 'Demo admin', kept.adminAccountId),
    user: await principal(db, 'member', 'Demo researcher', kept.userAccountId),
  }))
  await note({ deploymentId, adminAccountId: admin.accountId, userAccountId: user.accountId })
  const revoke = () =>
    withDatabase(url, async (db) => {
      for (const { accountId } of [admin, user]) await revokeTokens(db, accountId)
    })
  return { deploymentId, admin, user, revoke }
}

async function withDatabase<T>(url: string, work: (db: Db) => Promise<T>): Promise<T> {
  const db = connect({ url, poolSize: 2, name: 'carrel-stack' })
  try {
    return await work(db)
  } finally {
    await db.destroy()
  }
}

/** An account with a token for this run of the stack. The account of an earlier run is used again. */
async function principal(db: Db, role: Role, displayName: string, knownId: string | undefined): Promise<Principal> {
  // What was kept is an id that an earlier run was given.
  const known = knownId === undefined ? null : await getAccount(db, knownId as AccountId)
  const accountId = known?.id ?? newId('account')
  if (known !== null) await revokeTokens(db, accountId)
  return db.transaction().execute(async (trx) => {
    if (known === null)
      await createAccount(trx, {
        id: accountId,
        displayName,
        email: null,
        organisation: null,
        roles: role === 'member' ? ['member'] : ['member', role],
        groups: [],
        posix: null,
      })
    const token = await createToken(trx, {
      id: newId('token'),
      accountId,
      client,
      name: displayName,
      scopes: role === 'admin' ? scopes : scopes.filter((scope) => !strongScopes.includes(scope)),
      expiresAt: new Date(Date.now() + tokenLifeMs),
    })
    return { accountId, token }
  })
}

/** Ends every token that a stack made for the account. */
async function revokeTokens(db: Db, accountId: AccountId): Promise<void> {
  let after: string | null = null
  do {
    const page: Page<Token> = await listTokens(db, accountId, { after, limit: 200 })
    for (const token of page.items)
      if (token.client === client && token.revokedAt === null)
        await db.transaction().execute((trx) => revokeToken(trx, token.id))
    after = page.next
  } while (after !== null)
}
