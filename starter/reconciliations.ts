import type { Client } from '@temporalio/client'
import type { AskedReconciliation } from '../db/reconciliation.ts'
import { coreQueue, reconcileWorkflowId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { ReconcileRun } from '../workflows/session.messages.ts'

const callTimeoutMs = 5_000

/** Starts the run that an operator asked for. A repeat finds it running, or done. Throws where Temporal did not answer. */
export async function startReconciliation(client: Client, ask: AskedReconciliation, timings: Timings): Promise<void> {
  const run: ReconcileRun = { providerId: ask.providerId, timings, reconciliationId: ask.id }
  await client.withDeadline(Date.now() + callTimeoutMs, async () => {
    await client.workflow.start(workflowNames.reconcile, {
      workflowId: `${reconcileWorkflowId(ask.providerId)}/${ask.id}`,
      taskQueue: coreQueue,
      workflowTaskTimeout: timings.workflowTaskMs,
      workflowRunTimeout: timings.reconcileRunMs,
      args: [run],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `reconciliation of provider ${ask.providerId}, asked for by an operator`,
    })
  })
}
