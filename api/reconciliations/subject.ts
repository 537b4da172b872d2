import { getReconciliation } from '../../db/reconciliation-asks.ts'
import { idPattern } from '../../domain/ids.ts'
import type { ReconciliationId } from '../../domain/ids.ts'
import type { RouteSubject } from '../access.ts'

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
