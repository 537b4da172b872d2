import type { Client } from '@temporalio/client'
import { coreQueue } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'

const callTimeoutMs = 5_000

export interface AskedRun {
  readonly name: string
  readonly workflowId: string
  readonly input: object
  readonly summary: string
  readonly timings: Timings
}

/** Starts a run that an operator asked for. A repeat finds it running, or done. Throws where Temporal did not answer. */
export async function startAskedRun(client: Client, { name, workflowId, input, summary, timings }: AskedRun) {
  await client.withDeadline(Date.now() + callTimeoutMs, async () => {
    await client.workflow.start(name, {
      workflowId,
      taskQueue: coreQueue,
      workflowTaskTimeout: timings.workflowTaskMs,
      workflowRunTimeout: timings.reconcileRunMs,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `${summary}, asked for by an operator`,
    })
  })
}
