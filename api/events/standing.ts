import { getAccount } from '../../db/accounts.ts'
import { mayBeActedFor } from '../../db/identity-standing.ts'
import type { AppContext } from '../env.ts'

/** Whether the caller may still act for whom it does, if for anybody. The token itself is checked elsewhere. */
export async function actsForActive(c: AppContext): Promise<boolean> {
  const { principal, services } = c.var
  if (!principal.actor.actingFor) return true
  const account = await getAccount(services.db, principal.accountId)
  if (account === null || account.disabledAt !== null) return false
  return await mayBeActedFor(services.db, account.id, principal.issuer)
}
