import { continueAsNew, workflowInfo } from '@temporalio/workflow'
import type { CatalogueRead } from '../activities/catalogue.ts'
import { catalogueOf } from './activity-proxies.ts'
import type { CatalogueSyncRun } from './session.messages.ts'

/** More than these nobody has seen; a sync that goes on for ever has been. */
const mostBatches = 20_000
/** Of the time of a run: after this much it goes on as another one, which leaves the last batch the rest of it. */
const runShare = 4

/**
 * Brings in what a catalogue says: reads it all, batch by batch, and then does what differs, batch by batch, in as many runs as that
 * takes. Every step may be repeated. What is read stays in the books: nothing of it is in here.
 */
export async function catalogueSyncWorkflow(input: CatalogueSyncRun): Promise<void> {
  const { source, syncId, timings } = input
  const { readCatalogue, settleCatalogue } = catalogueOf(timings)
  const info = workflowInfo()
  const run = {
    source,
    syncId: syncId ?? null,
    runId: info.firstExecutionRunId,
    atMostMs: timings.reconcileRunMs,
  }
  const until = Date.now() + timings.reconcileRunMs / runShare
  let { after = null, isRead = false, batches = 0 } = input
  for (; batches < mostBatches; batches++) {
    if (Date.now() > until || workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof catalogueSyncWorkflow>({ ...input, after, isRead, batches })
    if (isRead) {
      const { more } = await settleCatalogue(run)
      if (!more) return
      continue
    }
    const read: CatalogueRead = await readCatalogue({ ...run, after })
    if (read.ended) return
    after = read.after
    isRead = after === null
  }
}
