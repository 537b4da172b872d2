import type { Client } from '@temporalio/client'
import { temporal } from '@temporalio/proto'

const { WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR: nonDeterministic } =
  temporal.api.enums.v1.WorkflowTaskFailedCause

/**
 * Tasks of runs that a worker could not finish, because it could not make out what the run had done before, or because the
 * server did not take what it answered. Such a run may stand still for ever, and no row shows it.
 */
export async function brokenTasks(client: Client, workflowIds: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const workflowId of workflowIds) {
    for await (const { runId } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
      const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory()
      for (const event of events ?? []) {
        const { workflowTaskFailedEventAttributes: failed, workflowTaskTimedOutEventAttributes: late } = event
        if (failed?.cause === nonDeterministic) found.push(`${workflowId}: ${failed.failure?.message ?? ''}`)
        if (late !== null && late !== undefined) found.push(`${workflowId}: a task was never answered`)
      }
    }
  }
  return found
}
