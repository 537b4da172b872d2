import { getHawkKey } from '../../db/hawk-keys.ts'
import { isAdmin } from '../../domain/authorization.ts'
import { idPattern } from '../../domain/ids.ts'
import type { TokenId } from '../../domain/ids.ts'
import type { RouteSubject } from '../access.ts'

/** The key that the path names: one's own, or anybody's for an admin. */
export const hawkKeyOfPath: RouteSubject = {
  kind: 'hawk_key',
  param: 'keyId',
  relation: async (c) => {
    const id = c.req.param('keyId') ?? ''
    const key = idPattern.test(id) ? await getHawkKey(c.var.services.db, id as TokenId) : null
    if (key === null) return null
    const { actor, accountId } = c.var.principal
    const isOwner = key.accountId === accountId
    return isOwner || (isAdmin(actor) && actor.scopes.includes('admin')) ? { isOwner } : null
  },
}
