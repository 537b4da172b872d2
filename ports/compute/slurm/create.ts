import type { CallContext, Created, InstanceRef, InstanceSpec } from '../provider.ts'
import type { Submitted } from './api.ts'
import { NoToken, SlurmFailure } from './failure.ts'
import { chosenOf, isLive, jobsSeen, refOf } from './find.ts'
import type { Seeing } from './find.ts'
import { plannedJob, termsOf } from './job.ts'
import type { PlannedJob } from './job.ts'
import { refusalOf } from './refusals.ts'
import type { SlurmSettings } from './settings.ts'
import type { Job } from './shapes.ts'
import { jobState } from './states.ts'

export interface CreateDeps extends Seeing {
  readonly settings: SlurmSettings
}

/**
 * Finds the instance's job, or submits one. Slurm takes two jobs of one name, so whoever submitted looks again: the oldest stays,
 * and every other one is cancelled. What is refused leaves nothing in the queue.
 */
export async function createInstance(deps: CreateDeps, spec: InstanceSpec, call: CallContext): Promise<Created> {
  const planned = plannedJob(spec, deps.settings)
  if ('code' in planned) return { kind: 'refused', ...planned }
  try {
    return await findOrSubmit(deps, spec, planned, call)
  } catch (error) {
    if (!(error instanceof SlurmFailure)) throw error
    return { kind: 'unavailable', retryAfterMs: error.retryAfterMs, detail: error.message }
  }
}

async function findOrSubmit(
  deps: CreateDeps,
  spec: InstanceSpec,
  planned: PlannedJob,
  { signal, progress }: CallContext,
): Promise<Created> {
  const earlier = await kept(deps, spec, planned, signal)
  if (earlier !== undefined)
    return (await misplaced(deps, planned, earlier, signal)) ?? { kind: 'adopted', ref: refOf(spec, earlier) }
  progress?.({ message: 'Asking the cluster for a place', percent: null })
  const submitted = await submit(deps, spec, planned, signal)
  if ('kind' in submitted) return submitted
  const ours: InstanceRef = refOf(spec, {
    id: submitted.id,
    user: planned.user.name,
    name: planned.name,
    submitted: null,
  })
  try {
    return await settled(deps, spec, planned, submitted, signal)
  } catch (error) {
    // It was made, whatever could not be looked at afterwards.
    if (error instanceof SlurmFailure) return { kind: 'made', ref: ours }
    throw error
  }
}

/** Of all errors of a create those of the submission alone say that nothing was made. */
async function submit(
  { api, settings }: CreateDeps,
  spec: InstanceSpec,
  { user, body }: PlannedJob,
  signal: AbortSignal,
): Promise<Submitted | Extract<Created, { kind: 'refused' }>> {
  try {
    return await api.submit(user.name, body, signal)
  } catch (error) {
    if (!(error instanceof SlurmFailure)) throw error
    const asked = { gpus: spec.resources.gpus, account: termsOf(spec, settings).account }
    const code = error instanceof NoToken ? 'start_failed' : refusalOf(error.code, asked)
    if (code === null) throw error
    return { kind: 'refused', code, detail: error.message }
  }
}

/** What a submission came to, once all jobs of the name are seen. */
async function settled(
  deps: CreateDeps,
  spec: InstanceSpec,
  planned: PlannedJob,
  { id, code }: Submitted,
  signal: AbortSignal,
): Promise<Created> {
  const job = await kept(deps, spec, planned, signal)
  if (job === undefined) throw new SlurmFailure('it is not in the list yet')
  if (job.job_id !== id) return { kind: 'adopted', ref: refOf(spec, job) }
  const refused = await misplaced(deps, planned, job, signal)
  if (refused !== null) return refused
  const state = jobState(job)
  // It was taken with a warning, and stands in the queue for good.
  if (code !== null && isLive(job) && state.kind === 'exited' && state.reason !== undefined) {
    const refusal = queueRefusals.find((reason) => reason === state.reason)
    if (refusal !== undefined) {
      await deps.api.cancel(planned.user.name, id, signal)
      return { kind: 'refused', code: refusal, detail: `${state.detail ?? ''} (${code})`.trim() }
    }
  }
  return { kind: 'made', ref: refOf(spec, job) }
}

/** The cluster may know the user's name by another number: then the job is not whose it should be. */
async function misplaced(
  { api }: CreateDeps,
  { user }: PlannedJob,
  job: Job,
  signal: AbortSignal,
): Promise<Created | null> {
  if (job.user_id === user.uid) return null
  if (isLive(job)) await api.cancel(user.name, job.job_id, signal)
  return { kind: 'refused', code: 'start_failed', detail: `${user.name} is the user ${job.user_id} at the cluster` }
}

const queueRefusals = ['unschedulable', 'template_unfit', 'backend_quota'] as const

/** The job of the instance; whatever else bears its name and lives is cancelled. */
async function kept(
  deps: CreateDeps,
  spec: InstanceSpec,
  { user }: PlannedJob,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const { name, deploymentId } = spec
  const seen = await jobsSeen(deps, { name, deploymentId, owner: user }, signal)
  // A directory that does not answer names nobody: by its seal such a job is this user's.
  const mine = seen
    .filter(({ user_name }) => user_name === user.name || user_name === '')
    .map((job) => ({ ...job, user_name: user.name }))
  const chosen = chosenOf(mine)
  const extra = mine.filter((job) => isLive(job) && job !== chosen)
  for (const job of extra) await deps.api.cancel(job.user_name, job.job_id, signal)
  return chosen
}
