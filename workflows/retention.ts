import { upkeepOf } from './activity-proxies.ts'
import { doInBatches } from './chores.ts'
import type { ChoresDone } from './chores.ts'
import type { UpkeepRun } from './session.messages.ts'

/**
 * Keeps nothing longer than the site's rule says, and erases accounts that are to be. Usage stays. Erasing comes first: somebody
 * waits for it.
 */
export async function retentionWorkflow({ timings }: UpkeepRun): Promise<ChoresDone> {
  const { eraseAccounts, pruneEvents, pruneSessions, deleteSessions, deleteAudit } = upkeepOf(timings)
  return await doInBatches({ eraseAccounts, pruneEvents, pruneSessions, deleteSessions, deleteAudit })
}
