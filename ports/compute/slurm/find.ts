import type { InstanceRef } from '../provider.ts'
import type { SlurmApi } from './api.ts'
import { readJobName } from './names.ts'
import type { Sealed } from './names.ts'
import type { Sight } from './reader.ts'
import type { Roll } from './roll.ts'
import type { Job, JobRecord } from './shapes.ts'
import { isOver } from './states.ts'
import { mappedUser } from './users.ts'
import type { UserRules } from './users.ts'

/** What a reference keeps of its job beside the instance's name, once a create has answered. */
export interface KnownJob {
  readonly id: number
  readonly user: string
  readonly name: string
  /** When it was submitted, epoch seconds; `null`: that was not to be learned. */
  readonly submitted: number | null
}

export function knownJob({ ids }: InstanceRef): KnownJob | null {
  const [id, submitted] = [Number(ids?.['job']), Number(ids?.['submitted'])]
  if (!Number.isSafeInteger(id) || id <= 0) return null
  return { id, user: ids?.['user'] ?? '', name: ids?.['name'] ?? '', submitted: submitted > 0 ? submitted : null }
}

export const refOf = ({ name, deploymentId }: InstanceRef, job: Job | KnownJob): InstanceRef => {
  const known =
    'job_id' in job ? { id: job.job_id, user: job.user_name, name: job.name, submitted: job.submit_time } : job
  const submitted = known.submitted === null ? {} : { submitted: `${known.submitted}` }
  return { name, deploymentId, ids: { job: `${known.id}`, user: known.user, name: known.name, ...submitted } }
}

/**
 * What the job says of the instance; `null`: it is another's. Numbers come back, so a number alone says nothing. A user whose name the
 * cluster does not know any more counts as the one for whom it was made.
 */
export function sealedOf(job: Job, ref: InstanceRef): Sealed | null {
  const known = knownJob(ref)
  const user = job.user_name === '' ? (known?.user ?? ref.owner?.name ?? '') : job.user_name
  if (known !== null && known.user !== user) return null
  // Whoever owns a job may give it another name, another session's as well, which must not hide it: one number is given once in a second.
  const isKnown = known !== null && job.job_id === known.id && job.submit_time === known.submitted
  const name = isKnown ? known.name : job.name
  // Anybody may call many jobs as ours: what is another instance's by its words is not reckoned.
  return name.startsWith(`${ref.name}.`) ? readJobName(name, ref.deploymentId, user) : null
}

/** The jobs of one instance, oldest first. There should be one. */
export const jobsOf = (jobs: readonly Job[], ref: InstanceRef): Job[] =>
  jobs.filter((job) => sealedOf(job, ref) !== null).sort((a, b) => a.submit_time - b.submit_time || a.job_id - b.job_id)

export interface Seeing {
  readonly api: SlurmApi
  readonly roll: Roll<readonly Job[]>
  readonly sight: Sight
  readonly settings: UserRules
}

/**
 * The jobs of one instance as Slurm shows them now. Where the reader sees none of a user's, `PrivateData` may hide them from it, so that
 * user looks as well. Throws `SlurmFailure` where that look cannot be made: then nobody knows. Nothing is submitted as somebody as whom
 * nothing runs, and no token is made for them.
 */
export async function jobsSeen(
  { api, roll, sight, settings }: Seeing,
  ref: InstanceRef,
  signal: AbortSignal,
): Promise<Job[]> {
  const { owner } = ref
  const seen = jobsOf(await roll(signal), ref)
  if (seen.length > 0 || owner === undefined || 'why' in mappedUser(owner, settings)) return seen
  if (await sight(owner.name, signal)) return seen
  return jobsOf(await api.jobs(signal, owner.name), ref)
}

/** The one that is the instance: what is alive before what is over, and of two the older one. */
export const chosenOf = (oldestFirst: readonly Job[]): Job | undefined => oldestFirst.find(isLive) ?? oldestFirst[0]

/** Whether it holds machines, or may come to. */
export const isLive = (job: Job): boolean => !isOver(job.job_state)

/** Whether a record of the accounting is of this very job. */
export const isRecordOf = (record: JobRecord, known: KnownJob): boolean =>
  record.user === known.user &&
  (record.name === known.name || (record.job_id === known.id && record.time.submission === known.submitted))
