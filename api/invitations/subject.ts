import { invitationRelation } from '../../db/invitations.ts'
import { verifiedEmailsOf } from '../../db/verified-emails.ts'
import { idPattern } from '../../domain/ids.ts'
import type { InvitationId } from '../../domain/ids.ts'
import type { RouteSubject } from '../access.ts'

/** The invitation that the path names. */
export const invitationOfPath: RouteSubject = {
  kind: 'invitation',
  param: 'invitationId',
  relation: async (c) => {
    const id = c.req.param('invitationId') ?? ''
    if (!idPattern.test(id)) return null
    const { db } = c.var.services
    const { accountId } = c.var.principal
    const found = await invitationRelation(db, id as InvitationId, accountId)
    if (found === null) return null
    const { isOwner, projectRole, email } = found
    const isInvited = !isOwner && email !== '' && (await verifiedEmailsOf(db, accountId)).includes(email)
    return { isOwner, projectRole, isInvited }
  },
}
