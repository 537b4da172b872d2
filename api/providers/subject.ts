import { providerExists } from '../../db/providers.ts'
import { idPattern } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { About, RouteSubject } from '../access.ts'

/** The provider that the path names. It is nobody's own. */
export const providerOfPath: RouteSubject = {
  kind: 'provider',
  param: 'providerId',
  relation: async (c) => {
    const id = c.req.param('providerId') ?? ''
    return idPattern.test(id) && (await providerExists(c.var.services.db, id as ProviderId)) ? {} : null
  },
}

/** The provider that the body of a new one names. */
export const providerOfNewBody: About = (said) => ({
  kind: 'provider',
  id: typeof said?.['id'] === 'string' ? said['id'] : null,
})
