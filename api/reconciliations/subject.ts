import { getReconciliation } from '../../db/reconciliation-asks.ts'
import { idPattern } from '../../domain/ids.ts'
import type { ReconciliationId } from '../../domain/ids.ts'
import { installation } from '../access.ts'
import type { About, RouteSubject } from '../access.ts'

/** The reconciliation that the path names. It is nobody's own. */
export const reconciliationOfPath: RouteSubject = {
  kind: 'reconciliation',
  param: 'reconciliationId',
  relation: async (c) => {
    const id = c.req.param('reconciliationId') ?? ''
    const found = idPattern.test(id) ? await getReconciliation(c.var.services.db, id as ReconciliationId) : null
    return found === null ? null : {}
  },
}

/** The provider that the body names; where it names none, or was not read, the installation. */
export const providerOfBody: About = (said) =>
  typeof said?.['provider'] === 'string' ? { kind: 'provider', id: said['provider'] } : installation
