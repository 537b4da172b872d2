import type { Client } from '@temporalio/client'
import type { AskedSync } from '../db/catalogue-asks.ts'
import { catalogueWorkflowId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { CatalogueSyncRun } from '../workflows/session.messages.ts'
import { startAskedRun } from './asked-run.ts'

/** Starts the sync that an operator, or a sign-in, asked for. */
export async function startCatalogueSync(client: Client, { id, source }: AskedSync, timings: Timings): Promise<void> {
  const input: CatalogueSyncRun = { source, timings, syncId: id }
  const workflowId = `${catalogueWorkflowId(source)}/${id}`
  const summary = `sync of the catalogue ${source}`
  await startAskedRun(client, { name: workflowNames.catalogueSync, workflowId, input, summary, timings })
}
