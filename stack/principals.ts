import { createAccount, getAccount } from '../db/accounts.ts'
import type { Db } from '../db/connect.ts'
import { createToken, listTokens, revokeToken } from '../db/tokens.ts'
import { newId, type AccountId } from '../domain/ids.ts'
import { scopes, type Role } from '../domain/rights.ts'

/** Tokens of the embedded stack are made at its start and revoked at its end; a crash leaves them at most this long. */
const tokenLifeMs = 30 * 24 * 60 * 60 * 1_000
const client = 'stack'

export interface Principal {
  readonly accountId: AccountId
  readonly token: string
}

/** An account with a token for this run of the stack. The account of an earlier run is used again. */
export async function principal(
  db: Db,
  role: Role,
  displayName: string,
  knownId: string | undefined,
): Promise<Principal> {
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
      scopes: role === 'admin' ? scopes : scopes.filter((scope) => scope !== 'admin' && scope !== 'act-as'),
      expiresAt: new Date(Date.now() + tokenLifeMs),
    })
    return { accountId, token }
  })
}

/** Ends every token that a stack made for the account. */
export async function revokeTokens(db: Db, accountId: AccountId): Promise<void> {
  const { items } = await listTokens(db, accountId, { after: null, limit: 200 })
  for (const token of items)
    if (token.client === client && token.revokedAt === null)
      await db.transaction().execute((trx) => revokeToken(trx, token.id))
}
