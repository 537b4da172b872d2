import { getAccount } from '../../db/accounts.ts'
import { idPattern } from '../../domain/ids.ts'
import type { AccountId } from '../../domain/ids.ts'
import type { RouteSubject } from '../access.ts'

/** The account that the path names. */
export const accountOfPath: RouteSubject = {
  kind: 'account',
  param: 'accountId',
  relation: async (c) => {
    const id = c.req.param('accountId') ?? ''
    const account = idPattern.test(id) ? await getAccount(c.var.services.db, id as AccountId) : null
    return account === null ? null : { isOwner: account.id === c.var.principal.accountId }
  },
}
