import { instanceOf } from '../../../domain/ids.ts'
import { ProviderUnreachable } from '../provider.ts'
import type { ObservedInstance } from '../provider.ts'
import { SlurmFailure } from './failure.ts'
import { chosenOf, isLive, jobsOf, refOf } from './find.ts'
import type { Locate } from './hosts.ts'
import { readJobName } from './names.ts'
import type { Pace } from './pace.ts'
import type { Roll } from './roll.ts'
import type { Job } from './shapes.ts'
import { instanceState } from './telling.ts'

/**
 * Every instance of the deployment that holds machines or waits for them, in one call. What has ended is not listed, though Slurm
 * tells of it for minutes: how it ended is asked one by one.
 */
export async function* listInstances(
  { roll, pace, locate }: { readonly roll: Roll<readonly Job[]>; readonly pace: Pace; readonly locate: Locate },
  deploymentId: string,
  signal: AbortSignal,
): AsyncGenerator<ObservedInstance> {
  const jobs = await live(() => pace(() => roll(signal), signal))
  for (const [name, bearing] of byName(jobs, deploymentId)) {
    const instance = instanceOf(name)
    const job = chosenOf(jobsOf(bearing, { name, deploymentId }))
    if (instance === null || job === undefined) continue
    const ref = refOf({ name, deploymentId }, job)
    yield { ref, ...instance, state: await instanceState(job, ref, locate) }
  }
}

function byName(jobs: readonly Job[], deploymentId: string): ReadonlyMap<string, readonly Job[]> {
  const found = new Map<string, Job[]>()
  for (const job of jobs) {
    const name = readJobName(job.name, deploymentId, job.user_name)?.name
    if (name === undefined) continue
    const bearing = found.get(name)
    if (bearing === undefined) found.set(name, [job])
    else bearing.push(job)
  }
  return found
}

async function live(ask: () => Promise<readonly Job[]>): Promise<readonly Job[]> {
  try {
    return (await ask()).filter(isLive)
  } catch (error) {
    throw new ProviderUnreachable(error instanceof SlurmFailure ? error.message : 'the list could not be read')
  }
}
