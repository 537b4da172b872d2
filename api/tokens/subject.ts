import { getToken } from '../../db/tokens.ts'
import { idPattern } from '../../domain/ids.ts'
import type { TokenId } from '../../domain/ids.ts'
import { isAdmin } from '../../domain/authorization.ts'
import type { RouteSubject } from '../access.ts'

/** The token that the path names: one's own, or anybody's for an admin. */
export const tokenOfPath: RouteSubject = {
  kind: 'token',
  param: 'tokenId',
  relation: async (c) => {
    const id = c.req.param('tokenId') ?? ''
    const token = idPattern.test(id) ? await getToken(c.var.services.db, id as TokenId) : null
    if (token === null) return null
    const { actor, accountId } = c.var.principal
    const isOwner = token.accountId === accountId
    return isOwner || (isAdmin(actor) && actor.scopes.includes('admin')) ? { isOwner } : null
  },
}
