import type { InstanceRef, InstanceState } from '../provider.ts'
import type { Recorded, SlurmApi } from './api.ts'
import { SlurmFailure } from './failure.ts'
import { chosenOf, isLive, isRecordOf, jobsSeen, knownJob, sealedOf } from './find.ts'
import type { KnownJob, Seeing } from './find.ts'
import type { Locate } from './hosts.ts'
import type { Missing } from './missing.ts'
import type { Job, JobRecord } from './shapes.ts'
import { recordedEnd } from './states.ts'
import { instanceState } from './telling.ts'

export interface InspectDeps extends Seeing {
  readonly locate: Locate
  readonly missing: Missing
}

/** The instance's state as Slurm tells it now. What the controller has forgotten is looked up in the accounting. */
export async function inspectInstance(
  deps: InspectDeps,
  ref: InstanceRef,
  signal: AbortSignal,
): Promise<InstanceState> {
  try {
    return await inspected(deps, ref, signal)
  } catch (error) {
    if (error instanceof SlurmFailure) return { kind: 'unknown', why: error.message }
    throw error
  }
}

async function inspected(deps: InspectDeps, ref: InstanceRef, signal: AbortSignal): Promise<InstanceState> {
  const { api, missing } = deps
  const known = knownJob(ref)
  const numbered = known === null ? null : await api.job(known.id, signal)
  const byNumber = numbered !== null && sealedOf(numbered, ref) !== null ? numbered : null
  if (byNumber !== null && isLive(byNumber)) {
    missing.found(ref)
    return await told(deps, byNumber, ref, signal)
  }
  const byName = await jobsSeen(deps, ref, signal)
  const job = chosenOf(byName) ?? byNumber
  if (job !== null) {
    missing.found(ref)
    return await told(deps, job, ref, signal)
  }
  return known === null ? { kind: 'absent' } : await forgotten(deps, ref, known, signal)
}

/** As the job says; of one that the cluster restarted the accounting knows whether another took its place. */
async function told({ api, locate }: InspectDeps, job: Job, ref: InstanceRef, signal: AbortSignal) {
  const state = await instanceState(job, ref, locate)
  if (state.kind !== 'exited' || state.reason !== 'node_failed' || job.restart_cnt === 0) return state
  const runs = await api.records({ id: job.job_id }, signal).catch((): readonly JobRecord[] => [])
  const wasPreempted = runs.some((run) => run.name === job.name && run.state.current === 'PREEMPTED')
  return wasPreempted ? { ...state, reason: 'preempted' as const } : state
}

/**
 * The reader does not see it: it ended long ago, was lost in a crash, never was, or is hidden by `PrivateData`, so it is looked for
 * as its own user. Only an end is believed at once; without that look nothing is ever lost.
 */
async function forgotten(
  deps: InspectDeps,
  ref: InstanceRef,
  known: KnownJob,
  signal: AbortSignal,
): Promise<InstanceState> {
  const { api, missing } = deps
  const own = await seenByOwner(api, known, signal)
  if (own !== null && !(own instanceof SlurmFailure) && sealedOf(own, ref) !== null) {
    missing.found(ref)
    return await told(deps, own, ref, signal)
  }
  const ask = async (of: Recorded) => (await api.records(of, signal)).filter((record) => isRecordOf(record, known))
  const records = await recordsOf(ask, known)
  const ends = records.flatMap((record) => {
    const end = recordedEnd(record.state.current)
    return end === null ? [] : [{ end, at: record.time.end }]
  })
  const [last] = ends.sort((a, b) => b.at - a.at)
  if (last !== undefined) return last.end
  if (own instanceof SlurmFailure) throw own
  if (!(await api.isUp(signal))) return { kind: 'unknown', why: 'no controller answers' }
  return missing.isLost(ref) ? { kind: 'absent' } : { kind: 'unknown', why: 'Slurm knows neither the job nor its end' }
}

/** A failure is handed back: the accounting may know an end all the same. */
async function seenByOwner(api: SlurmApi, { id, user }: KnownJob, signal: AbortSignal) {
  try {
    return await api.job(id, signal, user)
  } catch (error) {
    if (error instanceof SlurmFailure) return error
    throw error
  }
}

/** By number, else by name: a job that was lost may have been given another number. An accounting that fails knows nothing. */
async function recordsOf(
  ask: (of: Recorded) => Promise<readonly JobRecord[]>,
  known: KnownJob,
): Promise<readonly JobRecord[]> {
  try {
    const byNumber = await ask({ id: known.id })
    return byNumber.length > 0 ? byNumber : await ask({ name: known.name, submitted: known.submitted })
  } catch (error) {
    if (error instanceof SlurmFailure) return []
    throw error
  }
}
