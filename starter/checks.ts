import type { Client } from '@temporalio/client'
import type { AskedCheck } from '../db/provider-checks.ts'
import { checkWorkflowId, coreQueue } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { CheckRun } from '../workflows/session.messages.ts'

const callTimeoutMs = 5_000

/** Starts the check that an operator asked for. A repeat finds it running, or done. Throws where Temporal did not answer. */
export async function startCheck(client: Client, { id, providerId }: AskedCheck, timings: Timings): Promise<void> {
  const run: CheckRun = { providerId, checkId: id, timings }
  await client.withDeadline(Date.now() + callTimeoutMs, async () => {
    await client.workflow.start(workflowNames.check, {
      workflowId: checkWorkflowId(providerId, id),
      taskQueue: coreQueue,
      workflowTaskTimeout: timings.workflowTaskMs,
      workflowRunTimeout: timings.reconcileRunMs,
      args: [run],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `check of provider ${providerId}, asked for by an operator`,
    })
  })
}
