import { arePeers } from '../../db/account-search.ts'
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

/** The same for a route that people may ask about whom they work with. */
export const personOfPath: RouteSubject = {
  ...accountOfPath,
  relation: async (c) => {
    const relation = await accountOfPath.relation(c)
    if (relation === null || relation.isOwner === true) return relation
    // The pattern was checked above.
    const id = c.req.param('accountId') as AccountId
    return { ...relation, sharesProject: await arePeers(c.var.services.db, c.var.principal.accountId, id) }
  },
}
