import { getAccount } from '../../db/accounts.ts'
import type { AppContext } from '../env.ts'

/** Whether the account that the caller acts for, if any, is still active. The token itself is checked elsewhere. */
export async function actsForActive(c: AppContext): Promise<boolean> {
  const { principal, services } = c.var
  if (!principal.actor.actingFor) return true
  const account = await getAccount(services.db, principal.accountId)
  return account !== null && account.disabledAt === null
}
