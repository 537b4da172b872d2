import { isCancellation } from '@temporalio/workflow'
import type { Batch } from '../activities/upkeep.ts'

/** One kind of work that comes in batches. */
export type Chore = () => Promise<Batch>

/** How much each chore did, and which have more to do: the next run goes on with them. */
export interface ChoresDone {
  readonly done: Readonly<Record<string, number>>
  readonly left: readonly string[]
}

/** Batches of one chore per run: a run ends, whatever has piled up. */
export const batchesPerRun = 50

/**
 * Does the chores in order, each until nothing is left or it had its batches. One that fails for good keeps no other from its
 * turn; then, at the end, the run fails with it, so that it is seen.
 */
export async function doInBatches(chores: Readonly<Record<string, Chore>>): Promise<ChoresDone> {
  const done: Record<string, number> = {}
  const left: string[] = []
  const failures: unknown[] = []
  for (const [name, chore] of Object.entries(chores)) {
    done[name] = 0
    let more = true
    try {
      for (let batches = 0; more && batches < batchesPerRun; batches++) {
        const batch = await chore()
        done[name] += batch.done
        more = batch.more
      }
    } catch (error) {
      if (isCancellation(error)) throw error
      failures.push(error)
    }
    if (more) left.push(name)
  }
  if (failures.length > 0) throw failures[0]
  return { done, left }
}
