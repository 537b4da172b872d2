import { createAccount, disableAccount, getAccount } from '../../db/accounts.ts'
import type { Account, NewAccount } from '../../db/accounts.ts'
import type { Db, Executor, Trx } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { requestErasure } from '../../db/operations.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId } from '../../domain/ids.ts'
import { change, createOnce } from '../changes.ts'
import type { Deed } from '../env.ts'
import { notFound, Problem } from '../problem.ts'

/** Makes an account, its personal project and both quota rows; or finds the one that this key made. */
export async function addAccount(db: Db, deed: Deed, intent: IntentKey, asked: NewAccount): Promise<Account> {
  const id = newId('account')
  const made = await createOnce(
    db,
    deed,
    intent,
    { kind: 'account', id },
    async () => (trx) =>
      createAccount(trx, { ...asked, roles: [...new Set(asked.roles)], groups: [...new Set(asked.groups)], id }),
  )
  return await readAccount(db, made.id)
}

/** The account. Throws 404. */
export async function readAccount(db: Executor, id: AccountId): Promise<Account> {
  const account = await getAccount(db, id)
  if (account === null) throw notFound('account')
  return account
}

/** Disables an account: its tokens end at once, its sessions are asked to stop. */
export async function disable(db: Db, deed: Deed, id: AccountId): Promise<Account> {
  return await changeAccount(db, deed, id, disableAccount)
}

/** Has an account erased: disabled at once, and what is personal in it removed when its sessions have ended. */
export async function erase(db: Db, deed: Deed, id: AccountId): Promise<Account> {
  return await changeAccount(db, deed, id, requestErasure)
}

async function changeAccount(
  db: Db,
  deed: Deed,
  id: AccountId,
  work: (trx: Trx, id: AccountId) => Promise<string>,
): Promise<Account> {
  return await change(db, deed, { kind: 'account', id }, async (trx) => {
    const outcome = await work(trx, id)
    if (outcome === 'absent') throw notFound('account')
    if (outcome === 'last_admin') throw new Problem('conflict', 'This is the last admin. Make another one first.')
    return await readAccount(trx, id)
  })
}
