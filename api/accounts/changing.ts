import { disableAccount, enableAccount, putRoles } from '../../db/account-standing.ts'
import { updateAccount } from '../../db/accounts.ts'
import type { Account, AccountChange } from '../../db/accounts.ts'
import type { Db, Trx } from '../../db/connect.ts'
import { linkIdentity, listIdentities, unlinkIdentity } from '../../db/identities.ts'
import type { Identity, Linked } from '../../db/identities.ts'
import { requestErasure } from '../../db/operations.ts'
import { setPosix } from '../../db/posix.ts'
import type { Role } from '../../domain/authorization.ts'
import type { AccountId } from '../../domain/ids.ts'
import type { Posix, PosixRule } from '../../domain/posix.ts'
import { change } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { accountLeaves, invalid, notFound, Problem } from '../problem.ts'
import { transferRulesFor } from '../sessions/transfer-rules.ts'
import { changedMeanwhile } from '../versions.ts'
import { readAccount } from './commands.ts'
import { posixTaken, refusePosix } from './posix.ts'

type Versions = readonly number[] | null

/**
 * Disables an account: its tokens and browsers are signed out for good, its sessions are given to `heirId` where that may have
 * them, and asked to stop else. Throws 503 where nobody can say whether that may.
 */
export async function disable(
  services: Pick<Services, 'db' | 'settings' | 'userOffice'>,
  deed: Deed,
  id: AccountId,
  heirId: AccountId | null,
): Promise<Account> {
  const rules = heirId === null ? undefined : await transferRulesFor(services, heirId, { ownerId: id })
  const about = heirId === null ? deed : { ...deed, detail: { ...deed.detail, transferTo: heirId } }
  return await changeAccount(services.db, about, id, async (trx) => {
    const outcome = await disableAccount(trx, id, heirId, rules)
    if (outcome === 'no_heir')
      throw new Problem('invalid_request', 'Its sessions cannot be given to that account.', {
        errors: [{ in: 'query', pointer: '/transferTo', message: 'Expected another, active account.' }],
      })
    return outcome
  })
}

/** Lets a disabled account in again. */
export async function enable(db: Db, deed: Deed, id: AccountId): Promise<Account> {
  return await changeAccount(db, deed, id, (trx) => enableAccount(trx, id))
}

/** Has an account erased: disabled at once, and what is personal in it removed when its sessions have ended. */
export async function erase(db: Db, deed: Deed, id: AccountId): Promise<Account> {
  return await changeAccount(db, deed, id, (trx) => requestErasure(trx, id))
}

/** Changes what is named of an account. Throws 412 if it changed since it was read. */
export async function patch(db: Db, deed: Deed, id: AccountId, set: AccountChange, versions: Versions) {
  const about = { ...deed, detail: { ...deed.detail, changed: Object.keys(set) } }
  return await changeAccount(db, about, id, (trx) => updateAccount(trx, id, set, versions))
}

/** Gives an account these roles and no others. Throws 412 if it changed since it was read. */
export async function assignRoles(db: Db, deed: Deed, id: AccountId, roles: readonly Role[], versions: Versions) {
  const about = { ...deed, detail: { ...deed.detail, roles } }
  return await changeAccount(db, about, id, (trx) => putRoles(trx, id, roles, versions))
}

/** Says who the account is to file systems, by an admin, whom no other source overrules. Throws 412 if it changed since it was read. */
export async function assignPosix(
  db: Db,
  deed: Deed,
  id: AccountId,
  { posix, shared }: { readonly posix: Posix | null; readonly shared: boolean },
  { rule, versions }: { readonly rule: PosixRule; readonly versions: Versions },
): Promise<Account> {
  // Numbers alone: lines of the audit outlive names.
  const said = posix === null ? null : { uid: posix.uid, gid: posix.gid, gids: posix.gids }
  const about = { ...deed, detail: { ...deed.detail, posix: said, shared } }
  return await changeAccount(db, about, id, async (trx) => {
    const outcome = await setPosix(trx, id, posix, 'admin', { rule, shared, versions })
    if (outcome.kind === 'refused') refusePosix(outcome.faults)
    if (outcome.kind === 'taken') throw posixTaken(outcome.field)
    return outcome.kind
  })
}

type Key = Pick<Identity, 'issuer' | 'subject'>

/** Has whoever signs in as this be the account. */
export async function link(db: Db, deed: Deed, id: AccountId, key: Key): Promise<readonly Identity[]> {
  const about = { ...deed, detail: { ...deed.detail, issuer: key.issuer } }
  return await change(db, about, { kind: 'account', id }, async (trx) => {
    const refusal = refusalOf(await linkIdentity(trx, id, key))
    if (refusal !== null) throw refusal
    return await listIdentities(trx, id)
  })
}

/** Ends it that whoever signs in as this is the account. */
export async function unlink(db: Db, deed: Deed, id: AccountId, key: Key): Promise<readonly Identity[]> {
  const about = { ...deed, detail: { ...deed.detail, issuer: key.issuer } }
  return await change(db, about, { kind: 'account', id }, async (trx) => {
    const outcome = await unlinkIdentity(trx, id, key)
    if (outcome === 'absent') throw invalid('/subject', 'The account has no such identity.')
    if (outcome === 'last_admin') throw lastAdmin()
    return await listIdentities(trx, id)
  })
}

function refusalOf(outcome: Linked): Problem | null {
  switch (outcome) {
    case 'linked':
    case 'already':
      return null
    case 'taken':
      return new Problem('conflict', "This identity is another account's. Unlink it there first.")
    case 'full':
      return new Problem('conflict', 'The account has as many identities as it may have.')
    case 'leaves':
      return accountLeaves()
    default:
      return outcome satisfies never
  }
}

const lastAdmin = (): Problem => new Problem('conflict', 'This is the last admin. Make another one first.')

async function changeAccount(db: Db, deed: Deed, id: AccountId, work: (trx: Trx) => Promise<string>): Promise<Account> {
  return await change(db, deed, { kind: 'account', id }, async (trx) => {
    const outcome = await work(trx)
    if (outcome === 'absent') throw notFound('account')
    if (outcome === 'changed') throw changedMeanwhile()
    if (outcome === 'leaves') throw new Problem('conflict', 'The account is being erased, or was.')
    if (outcome === 'last_admin') throw lastAdmin()
    return await readAccount(trx, id)
  })
}
