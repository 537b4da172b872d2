import type { Client } from '@temporalio/client'
import type { AskedReconciliation } from '../db/reconciliation.ts'
import { reconcileWorkflowId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { ReconcileRun } from '../workflows/session.messages.ts'
import { startAskedRun } from './asked-run.ts'

/** Starts the reconciliation that an operator asked for. */
export async function startReconciliation(client: Client, ask: AskedReconciliation, timings: Timings): Promise<void> {
  const { id, providerId } = ask
  const input: ReconcileRun = { providerId, timings, reconciliationId: id }
  const workflowId = `${reconcileWorkflowId(providerId)}/${id}`
  const summary = `reconciliation of provider ${providerId}`
  await startAskedRun(client, { name: workflowNames.reconcile, workflowId, input, summary, timings })
}
