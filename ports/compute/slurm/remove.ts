import { setTimeout as wait } from 'node:timers/promises'
import type { InstanceRef, Removed } from '../provider.ts'
import { SlurmFailure } from './failure.ts'
import { isLive, jobsSeen, knownJob, sealedOf } from './find.ts'
import type { Seeing } from './find.ts'
import type { SlurmSettings } from './settings.ts'
import type { Job } from './shapes.ts'
import { isOrdinary } from './users.ts'

export interface RemoveDeps extends Seeing {
  readonly settings: Pick<SlurmSettings, 'stopTimeoutMs' | 'minimumUid' | 'refusedUsers'>
}

const soonestLookMs = 100
const latestLookMs = 1_000
/** A cancellation that had no effect is said again after this. */
const againMs = 10_000

/**
 * Cancels every job of the instance, whatever its number, and says `removed` only when Slurm, asked again, shows none that lives.
 * What has ended stays in Slurm's books.
 */
export async function removeInstance(deps: RemoveDeps, ref: InstanceRef, signal: AbortSignal): Promise<Removed> {
  const until = Date.now() + deps.settings.stopTimeoutMs
  const asked = new Map<number, number>()
  try {
    for (let pauseMs = soonestLookMs; ; pauseMs = Math.min(2 * pauseMs, latestLookMs)) {
      const left = await remaining(deps, ref, signal)
      if (left.length === 0) return { kind: 'removed' }
      const strange = left.find(({ user_id }) => !isOrdinary(user_id, deps.settings))
      if (strange !== undefined) return { kind: 'unknown', why: `its job is of the system's user ${strange.user_id}` }
      const due = left.filter(({ job_id }) => Date.now() - (asked.get(job_id) ?? 0) > againMs)
      // One after the other: nothing goes on once it has answered.
      for (const { job_id, user_name } of due) {
        await deps.api.cancel(user_name, job_id, signal)
        asked.set(job_id, Date.now())
      }
      if (Date.now() >= until) return { kind: 'unknown', why: `it is being ended (${left[0]?.job_state ?? ''})` }
      await wait(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  } catch (error) {
    if (error instanceof SlurmFailure) return { kind: 'unknown', why: error.message }
    throw error
  }
}

/**
 * The jobs of the instance that live, by name, and by number should its owner have given it another name. A list that does not show
 * it proves nothing: `PrivateData` hides jobs from an ordinary reader, so its own user has to miss it as well. Where no good token of
 * that user is to be had this throws, and nothing is confirmed.
 */
async function remaining(deps: RemoveDeps, ref: InstanceRef, signal: AbortSignal): Promise<readonly Job[]> {
  const { api } = deps
  const known = knownJob(ref)
  const byName = (await jobsSeen(deps, ref, signal)).filter(isLive)
  if (known === null || byName.some(({ job_id }) => job_id === known.id)) return byName
  const numbered = (await api.job(known.id, signal)) ?? (await api.job(known.id, signal, known.user))
  const isOurs = numbered !== null && isLive(numbered) && sealedOf(numbered, ref) !== null
  return isOurs ? [...byName, numbered] : byName
}
