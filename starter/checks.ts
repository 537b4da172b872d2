import type { Client } from '@temporalio/client'
import type { AskedCheck } from '../db/provider-checks.ts'
import { checkWorkflowId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { CheckRun } from '../workflows/session.messages.ts'
import { startAskedRun } from './asked-run.ts'

/** Starts the check that an operator asked for. */
export async function startCheck(client: Client, { id, providerId }: AskedCheck, timings: Timings): Promise<void> {
  const input: CheckRun = { providerId, checkId: id, timings }
  const workflowId = checkWorkflowId(providerId, id)
  const summary = `check of provider ${providerId}`
  await startAskedRun(client, { name: workflowNames.check, workflowId, input, summary, timings })
}
