import { getTemplate } from '../../db/templates.ts'
import { viewerOf } from '../../db/viewers.ts'
import { idPattern } from '../../domain/ids.ts'
import type { TemplateId } from '../../domain/ids.ts'
import { isOperator } from '../../domain/authorization.ts'
import type { RouteSubject } from '../access.ts'

/** The template that the path names, if the caller may see it: as one of those it is for, or as an operator. */
export const templateOfPath: RouteSubject = {
  kind: 'template',
  param: 'templateId',
  relation: async (c) => {
    const { services, principal } = c.var
    const id = c.req.param('templateId') ?? ''
    if (!idPattern.test(id)) return null
    const viewer = isOperator(principal.actor) ? null : await viewerOf(services.db, principal.accountId)
    // Templates are nobody's: an operator who reads one looks at nothing of others.
    return (await getTemplate(services.db, id as TemplateId, viewer)) === null ? null : { isOwner: true }
  },
}
