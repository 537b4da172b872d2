import { workflowInfo } from '@temporalio/workflow'
import type { CatalogueRead } from '../activities/catalogue.ts'
import { catalogueOf } from './activity-proxies.ts'
import type { CatalogueSyncRun } from './session.messages.ts'

/** More than these nobody has seen; a run that goes on for ever has been. */
const mostBatches = 2_000

/**
 * Brings in what a catalogue says: reads it all, person by person where it is asked that way, and then does what differs, batch by
 * batch. Every step may be repeated. What is read stays in the books: nothing of it is in here.
 */
export async function catalogueSyncWorkflow({ source, syncId, timings }: CatalogueSyncRun): Promise<void> {
  const { readCatalogue, settleCatalogue } = catalogueOf(timings)
  const run = { source, syncId: syncId ?? null, runId: workflowInfo().runId, atMostMs: timings.reconcileRunMs }
  let after: string | null = null
  for (let batch = 0; batch < mostBatches; batch++) {
    const read: CatalogueRead = await readCatalogue({ ...run, after })
    if (read.ended) return
    after = read.after
    if (after === null) break
  }
  for (let batch = 0; batch < mostBatches; batch++) {
    const { more } = await settleCatalogue(run)
    if (!more) return
  }
}
