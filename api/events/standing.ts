import { getAccount } from '../../db/accounts.ts'
import { hasIdentityOf } from '../../db/vouched-accounts.ts'
import type { AppContext } from '../env.ts'

/** Whether the caller may still act for whom it does, if for anybody. The token itself is checked elsewhere. */
export async function actsForActive(c: AppContext): Promise<boolean> {
  const { principal, services } = c.var
  if (!principal.actor.actingFor) return true
  const account = await getAccount(services.db, principal.accountId)
  if (account === null || account.disabledAt !== null) return false
  return principal.issuer === null || (await hasIdentityOf(services.db, account.id, principal.issuer))
}
