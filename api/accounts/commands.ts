import { createAccount, getAccount } from '../../db/accounts.ts'
import type { Account, NewAccount } from '../../db/accounts.ts'
import type { Db, Executor } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { takenBy } from '../../db/posix.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId } from '../../domain/ids.ts'
import { checkPosix } from '../../domain/posix.ts'
import type { PosixRule } from '../../domain/posix.ts'
import { createOnce } from '../changes.ts'
import type { Deed } from '../env.ts'
import { notFound } from '../problem.ts'
import { posixTaken, refusePosix } from './posix.ts'

/** Makes an account, its personal project and both quota rows; or finds the one that this key made. */
export async function addAccount(
  db: Db,
  deed: Deed,
  intent: IntentKey,
  asked: NewAccount,
  rule: PosixRule,
): Promise<Account> {
  const id = newId('account')
  const { posix } = asked
  const account = { ...asked, roles: [...new Set(asked.roles)], groups: [...new Set(asked.groups)], id }
  const made = await createOnce(db, deed, intent, { kind: 'account', id }, async () => {
    if (posix !== null) refusePosix(checkPosix(posix, rule))
    return async (trx) => {
      const taken = posix === null ? null : await takenBy(trx, id, posix, false)
      if (taken !== null) throw posixTaken(taken)
      await createAccount(trx, account)
    }
  })
  return await readAccount(db, made.id)
}

/** The account. Throws 404. */
export async function readAccount(db: Executor, id: AccountId): Promise<Account> {
  const account = await getAccount(db, id)
  if (account === null) throw notFound('account')
  return account
}
