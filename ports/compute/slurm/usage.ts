import type { InstanceRef, Usage } from '../provider.ts'
import type { SlurmApi } from './api.ts'
import { SlurmFailure } from './failure.ts'
import { chosenOf, isRecordOf, jobsOf, knownJob } from './find.ts'
import type { KnownJob, Seeing } from './find.ts'
import type { Roll } from './roll.ts'
import type { Job, JobRecord } from './shapes.ts'
import { isOver } from './states.ts'

/**
 * What was held, by Slurm's own numbers: seconds of the job, times its processors, times its GPUs, over every run of it. The
 * accounting is asked first. It is behind by seconds, so of a run that has not ended there the controller knows better; where that has
 * forgotten it, it lasted no longer than its time limit. `null`: neither knows.
 */
export async function usageOf(
  { api, roll }: { readonly api: SlurmApi; readonly roll: Roll<readonly Job[]> },
  ref: InstanceRef,
  signal: AbortSignal,
): Promise<Usage | null> {
  const known = knownJob(ref)
  const records = known === null ? [] : await recorded(api, known, signal)
  const over = records.filter(({ time }) => time.end > 0)
  if (over.length > 0 && over.length === records.length) return sum(over.map(ofRecord))
  const latest = await shown({ roll }, ref, signal)
  // It may be an earlier one that has not ended in the books. Of when a run began not every version tells the same.
  const isNews = latest !== null && !over.some(({ time }) => time.end === latest.end_time)
  const open = isNews ? [ofJob(latest, Date.now() / 1_000)] : records.filter(({ time }) => time.end === 0).map(ofRecord)
  const all = [...over.map(ofRecord), ...open]
  return all.length === 0 ? null : sum(all)
}

/** Its latest run, by the controller; `null`: that says nothing. */
async function shown({ roll }: Pick<Seeing, 'roll'>, ref: InstanceRef, signal: AbortSignal): Promise<Job | null> {
  try {
    return chosenOf(jobsOf(await roll(signal), ref)) ?? null
  } catch (error) {
    if (error instanceof SlurmFailure) return null
    throw error
  }
}

async function recorded(api: SlurmApi, known: KnownJob, signal: AbortSignal): Promise<readonly JobRecord[]> {
  try {
    return (await api.records({ id: known.id }, signal)).filter((record) => isRecordOf(record, known))
  } catch (error) {
    if (error instanceof SlurmFailure) return []
    throw error
  }
}

function ofRecord({ time, tres }: JobRecord): Usage {
  const held = (wanted: (type: string, name: string) => boolean) =>
    tres.filter(({ type, name }) => wanted(type, name)).reduce((all, { count }) => all + (count ?? 0), 0)
  // A run of whose end the accounting was never told goes on for ever there.
  const isEndless = time.end === 0 && time.limit > 0
  return times(
    isEndless ? Math.min(time.elapsed, 60 * time.limit) : time.elapsed,
    held((type) => type === 'cpu'),
    // A GPU of a type is counted under `gpu` as well, and again under `gpu:type`.
    held((type, name) => type === 'gres' && name === 'gpu'),
  )
}

export function ofJob(job: Job, nowSeconds: number): Usage {
  const end = isOver(job.job_state) ? job.end_time : nowSeconds
  const began = job.start_time > 0 && job.batch_host !== ''
  const gpus = Number(/(?:^|,)gres\/gpu=(\d+)/.exec(job.tres_alloc_str)?.[1] ?? 0)
  return times(began ? Math.max(0, Math.round(end - job.start_time)) : 0, job.cpus, gpus)
}

const times = (seconds: number, cpus: number, gpus: number): Usage => ({
  wallSeconds: seconds,
  cpuSeconds: seconds * cpus,
  gpuSeconds: seconds * gpus,
})

const sum = (all: readonly Usage[]): Usage =>
  all.reduce((a, b) => ({
    wallSeconds: a.wallSeconds + b.wallSeconds,
    cpuSeconds: a.cpuSeconds + b.cpuSeconds,
    gpuSeconds: a.gpuSeconds + b.gpuSeconds,
  }))
