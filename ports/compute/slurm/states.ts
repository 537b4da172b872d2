import type { FailReason } from '../../../domain/lifecycle.ts'
import type { InstanceState } from '../provider.ts'
import { waitingFor } from './reasons.ts'
import type { Job } from './shapes.ts'

type Exited = Extract<InstanceState, { kind: 'exited' }>

/** `stuck`: it is in the queue and stays there. `over` alone is final: everything else may still hold, or come to hold, machines. */
type Meaning =
  | { readonly is: 'queued' | 'running' }
  | { readonly is: 'pending'; readonly words: string }
  | { readonly is: 'stuck'; readonly reason: FailReason }
  /** `told`: whether `exit_code` is how its program ended. */
  | { readonly is: 'over'; readonly told: boolean; readonly reason?: FailReason; readonly outOfMemory?: true }

/** What each of Slurm's states means to us; a state that is not here is `unknown`. */
export const slurmStates: Readonly<Record<string, Meaning>> = {
  PENDING: { is: 'queued' },
  CONFIGURING: { is: 'pending', words: 'its machine is being made ready' },
  POWER_UP_NODE: { is: 'pending', words: 'its machine is being made ready' },
  RUNNING: { is: 'running' },
  RESIZING: { is: 'running' },
  SIGNALING: { is: 'running' },
  SUSPENDED: { is: 'pending', words: 'the cluster has suspended it' },
  STOPPED: { is: 'pending', words: 'the cluster has suspended it' },
  COMPLETING: { is: 'pending', words: 'it is being ended' },
  STAGE_OUT: { is: 'pending', words: 'it is being ended' },
  REQUEUED: { is: 'stuck', reason: 'node_failed' },
  REQUEUE_FED: { is: 'stuck', reason: 'node_failed' },
  REQUEUE_HOLD: { is: 'stuck', reason: 'start_failed' },
  SPECIAL_EXIT: { is: 'stuck', reason: 'start_failed' },
  RESV_DEL_HOLD: { is: 'stuck', reason: 'template_unfit' },
  // A launch that failed may have left it in the queue, and what another cluster of a federation took over runs there.
  LAUNCH_FAILED: { is: 'stuck', reason: 'start_failed' },
  REVOKED: { is: 'stuck', reason: 'instance_lost' },
  COMPLETED: { is: 'over', told: true },
  FAILED: { is: 'over', told: true },
  // No reason: where the session's own time is over as well, that is how it ends.
  TIMEOUT: { is: 'over', told: false },
  DEADLINE: { is: 'over', told: false },
  CANCELLED: { is: 'over', told: false, reason: 'instance_lost' },
  OUT_OF_MEMORY: { is: 'over', told: false, reason: 'out_of_memory', outOfMemory: true },
  NODE_FAIL: { is: 'over', told: false, reason: 'node_failed' },
  BOOT_FAIL: { is: 'over', told: false, reason: 'node_failed' },
  PREEMPTED: { is: 'over', told: false, reason: 'preempted' },
}

const meaningOf = (state: string): Meaning | null =>
  Object.hasOwn(slurmStates, state) ? (slurmStates[state] ?? null) : null

/** Whether nothing of the job is left on the cluster but its record. */
export const isOver = (state: string): boolean => meaningOf(state)?.is === 'over'

/** A job as it is told, short of where it runs: `running` is left to whoever knows its node's address. */
export function jobState(job: Job): InstanceState | { readonly kind: 'runs' } {
  const meaning = meaningOf(job.job_state)
  if (meaning === null) return unnamed(job.job_state)
  // The same job again, after its node failed or another took its place: what the session was is lost with its first run, and its
  // script ends at once.
  const isAgain = job.restart_cnt > 0 && job.state_description !== launchFailed
  if (isAgain && (meaning.is !== 'over' || meaning.told)) return exited('node_failed', 'restarted by the cluster')
  if (meaning.is === 'over') return ended(job.job_state, job)
  switch (meaning.is) {
    case 'stuck':
      return exited(meaning.reason, described(job))
    case 'queued': {
      const { words, never } = waitingFor(job.state_reason)
      if (never !== undefined) return exited(never, described(job))
      return { kind: 'pending', reason: words, ...(job.start_time > 0 ? { expectedAt: job.start_time * 1_000 } : {}) }
    }
    case 'pending':
      return { kind: 'pending', reason: meaning.words }
    case 'running':
      return job.batch_host === '' ? { kind: 'pending', reason: 'its machine is being made ready' } : { kind: 'runs' }
    default:
      return meaning satisfies never
  }
}

/** How a job ended by its record in the accounting, which does not know exit codes. `null`: by that it has not. */
export function recordedEnd(state: string): Exited | null {
  return isOver(state) ? ended(state, null) : null
}

const launchFailed = 'launch failed requeued held'

const described = (job: Job): string =>
  `${job.job_state} ${job.state_reason} ${job.state_description}`.trim().slice(0, 500)

const exited = (reason: FailReason, detail: string): Exited => ({
  kind: 'exited',
  exitCode: null,
  outOfMemory: false,
  reason,
  detail,
})

const unnamed = (word: string): InstanceState => {
  const capped = word.slice(0, 40)
  return { kind: 'unknown', why: `a state that is not known: ${capped}`, unnamed: capped }
}

/** `job` is `null` where only the word is known. */
function ended(state: string, job: Job | null): Exited {
  const meaning = meaningOf(state)
  if (meaning?.is !== 'over') throw new TypeError(`${state} is no end`)
  // Also by whoever saw that it waits in vain, and whose answer was lost.
  const inVain = state === 'CANCELLED' && job?.batch_host === '' ? waitingFor(job.state_reason).never : undefined
  const reason = inVain ?? meaning.reason
  const told = meaning.told ? exitOf(state, job) : { exitCode: null }
  if ('reason' in told) return exited(told.reason, `${state} ${job?.state_reason ?? ''} ${job?.exit_code ?? ''}`)
  return {
    kind: 'exited',
    exitCode: told.exitCode,
    outOfMemory: meaning.outOfMemory === true,
    ...(reason === undefined ? {} : { reason }),
    ...(meaning.told ? {} : { detail: job === null ? state : described(job) }),
  }
}

/** `exit_code` is a wait status; from 4000 on it is the node daemon's own number for what it could not do. */
function exitOf(
  state: string,
  job: Job | null,
): { readonly exitCode: number | null } | { readonly reason: FailReason } {
  if (job === null || job.exit_code === null) return { exitCode: state === 'COMPLETED' ? 0 : null }
  const { exit_code: status } = job
  const signal = status & 0x7f
  const isDaemons = status >= 4_000 && status < 5_000
  if (job.state_reason === 'JobLaunchFailure' && (isDaemons || signal === 0)) return { reason: 'start_failed' }
  return { exitCode: signal === 0 ? (status >> 8) & 0xff : 128 + signal }
}
