import { Worker } from '@temporalio/worker'
import { withFailures } from '../activities/failures.ts'
import type { ProviderRow } from '../db/providers.ts'
import { careQueue, startQueue } from '../domain/ids.ts'
import { providerActivities } from './activities.ts'
import { tellingOfStates } from '../ports/compute/told-states.ts'
import type { WorkerDeps } from './deps.ts'
import { footingOf } from './footing.ts'
import { keepObserved } from './observer.ts'
import { keepCapabilities, openDriver } from './standing.ts'
import { run } from './run.ts'
import type { Running } from './run.ts'

/** Slots beyond the start limit: a start that was left behind still holds one until it notices. */
const spareStarts = 4
const careSlots = 40

/** The two queues of a provider, each with its own slots: a stop never waits behind a start. */
export async function startProvider(
  deps: WorkerDeps,
  row: ProviderRow,
  failed: (error: unknown) => void,
): Promise<Running> {
  const { log } = deps
  const provider = tellingOfStates(await openDriver(deps, row), (state) => {
    deps.countUnnamed?.(row.id, 1)
    log.warn({ provider: row.id, state: state.slice(0, 200) }, 'a backend is in a state that its driver does not name')
  })
  deps.countUnnamed?.(row.id, 0)
  const stopping = new AbortController()
  const { start, care } = providerActivities(deps, { row, provider, stopping: stopping.signal })
  const report = (activity: string, error: unknown) =>
    log.warn({ activity, provider: row.id, error }, 'an activity failed and will be tried again')
  const footing = footingOf(deps)
  const running: Running[] = []
  const close = async () => {
    stopping.abort()
    await Promise.all(running.map(async (worker) => await worker.stop()))
    await provider.close()
  }
  try {
    const startWorker = await Worker.create({
      ...footing,
      taskQueue: startQueue(row.id),
      activities: withFailures(start, report),
      maxConcurrentActivityTaskExecutions: row.startLimit + spareStarts,
    })
    running.push(run(startWorker, failed))
    const careWorker = await Worker.create({
      ...footing,
      taskQueue: careQueue(row.id),
      activities: withFailures(care, report),
      maxConcurrentActivityTaskExecutions: careSlots,
    })
    running.push(run(careWorker, failed))
  } catch (error) {
    // Who tries again opens both anew; a half that went on would take tasks beside them.
    await close()
    throw error
  }
  const leaveOff = await keepObserved(deps, row)
  const standing = keepCapabilities(deps, row.id, provider)
  return {
    async stop() {
      leaveOff()
      await standing.stop()
      await close()
    },
  }
}
