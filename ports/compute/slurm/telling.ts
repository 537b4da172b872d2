import type { InstanceRef, InstanceState } from '../provider.ts'
import { sealedOf } from './find.ts'
import type { Locate } from './hosts.ts'
import type { Job } from './shapes.ts'
import { jobState } from './states.ts'

/** Tells an instance's state by its job, with where it runs and until when. */
export async function instanceState(job: Job, ref: InstanceRef, locate: Locate): Promise<InstanceState> {
  const state = jobState(job)
  if (state.kind !== 'runs') return state
  const located = await locate(job.batch_host)
  if ('why' in located) return { kind: 'unknown', why: located.why }
  const { host } = located
  const endpoints = (sealedOf(job, ref)?.ports ?? []).map((port) => ({ port, host, hostPort: port }))
  return { kind: 'running', endpoints, host, ...(job.end_time > 0 ? { endsAt: job.end_time * 1_000 } : {}) }
}
