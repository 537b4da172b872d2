import { patched } from '@temporalio/workflow'
import { upkeepOf } from './activity-proxies.ts'
import { doInBatches } from './chores.ts'
import type { ChoresDone } from './chores.ts'
import type { UpkeepRun } from './session.messages.ts'

/** Ends what is over by the clock: sessions that nobody else ended in time, or uses, and records that nobody needs any more. */
export async function expireWorkflow({ timings }: UpkeepRun): Promise<ChoresDone> {
  const { stopOverdueSessions, forgetKeys, forgetReconciliations, forgetDrift, forgetOutages } = upkeepOf(timings)
  const { stopIdleSessions, settleLostDoors, forgetDoors } = upkeepOf(timings)
  const { stopWithdrawnSessions } = upkeepOf(timings)
  const before = { stopOverdueSessions, forgetKeys, forgetReconciliations, forgetDrift, forgetOutages }
  const withDoors = patched('doors') ? { stopIdleSessions, ...before, settleLostDoors, forgetDoors } : before
  return await doInBatches(patched('experiments') ? { stopWithdrawnSessions, ...withDoors } : withDoors)
}
