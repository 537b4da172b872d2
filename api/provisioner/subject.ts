import { getHandover } from '../../db/handover.ts'
import { idPattern } from '../../domain/ids.ts'
import type { HandoverId } from '../../domain/ids.ts'
import type { RouteSubject } from '../access.ts'

/** The instance that the path names, of a provider that names the caller as its provisioner. Anybody else's is not there. */
export const handoverOfPath: RouteSubject = {
  kind: 'instance',
  param: 'handoverId',
  relation: async (c) => {
    const id = c.req.param('handoverId') ?? ''
    if (!idPattern.test(id)) return null
    const found = await getHandover(c.var.services.db, c.var.principal.accountId, id as HandoverId)
    return found === null ? null : { isProvisioner: true }
  },
}
