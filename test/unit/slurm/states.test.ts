import { describe, expect, test } from 'vitest'
import { waitingFor } from '../../../ports/compute/slurm/reasons.ts'
import { isOver, jobState, recordedEnd, slurmStates } from '../../../ports/compute/slurm/states.ts'
import { job } from '../../support/slurm/replay.ts'

/** Every state that slurmrestd can tell, and how it is told; `over`: nothing of the job is left on the cluster. */
const words: Readonly<Record<string, readonly [kind: string, over: boolean, reason?: string]>> = {
  PENDING: ['pending', false],
  CONFIGURING: ['pending', false],
  POWER_UP_NODE: ['pending', false],
  RUNNING: ['runs', false],
  RESIZING: ['runs', false],
  SIGNALING: ['runs', false],
  SUSPENDED: ['pending', false],
  STOPPED: ['pending', false],
  COMPLETING: ['pending', false],
  STAGE_OUT: ['pending', false],
  REQUEUED: ['exited', false, 'node_failed'],
  REQUEUE_FED: ['exited', false, 'node_failed'],
  REQUEUE_HOLD: ['exited', false, 'start_failed'],
  SPECIAL_EXIT: ['exited', false, 'start_failed'],
  RESV_DEL_HOLD: ['exited', false, 'template_unfit'],
  LAUNCH_FAILED: ['exited', false, 'start_failed'],
  REVOKED: ['exited', false, 'instance_lost'],
  COMPLETED: ['exited', true],
  FAILED: ['exited', true],
  TIMEOUT: ['exited', true],
  DEADLINE: ['exited', true],
  CANCELLED: ['exited', true, 'instance_lost'],
  OUT_OF_MEMORY: ['exited', true, 'out_of_memory'],
  NODE_FAIL: ['exited', true, 'node_failed'],
  BOOT_FAIL: ['exited', true, 'node_failed'],
  PREEMPTED: ['exited', true, 'preempted'],
}

test('the table names what is tried here, and nothing else', () => {
  expect(Object.keys(slurmStates).sort()).toEqual(Object.keys(words).sort())
})

test.each(Object.entries(words))('a job that is %s', (job_state, [kind, over, reason]) => {
  const state = jobState(job('job-running', { job_state }))
  expect(state.kind).toBe(kind)
  expect('reason' in state && state.kind === 'exited' ? state.reason : undefined).toBe(reason)
  expect(isOver(job_state)).toBe(over)
  expect(recordedEnd(job_state)?.kind).toBe(over ? 'exited' : undefined)
})

test.each(['A_WORD_OF_TOMORROW', 'constructor', 'toString'])(
  '%s is unknown, is counted, and is no end',
  (job_state) => {
    expect(jobState(job('job-running', { job_state }))).toEqual({
      kind: 'unknown',
      why: `a state that is not known: ${job_state}`,
      unnamed: job_state,
    })
    expect(isOver(job_state)).toBe(false)
    expect(recordedEnd(job_state)).toBeNull()
  },
)

describe('as Slurm told it', () => {
  test.each([
    ['job-completed', { exitCode: 0, outOfMemory: false }],
    ['job-failed-exit3', { exitCode: 3, outOfMemory: false }],
    ['job-out-of-memory', { exitCode: null, outOfMemory: true, reason: 'out_of_memory' }],
    ['job-out-of-memory-child', { exitCode: null, outOfMemory: true, reason: 'out_of_memory' }],
    // Killed by SIGKILL, for whatever reason: it ran before.
    ['job-over-memory-without-cgroup', { exitCode: 137, outOfMemory: false }],
    ['job-stdout-unwritable', { exitCode: null, outOfMemory: false, reason: 'start_failed' }],
    ['job-launch-failed-held', { exitCode: null, outOfMemory: false, reason: 'start_failed' }],
    ['job-timeout', { exitCode: null, outOfMemory: false, detail: 'TIMEOUT TimeLimit' }],
    ['job-node-fail', { exitCode: null, outOfMemory: false, reason: 'node_failed' }],
    ['job-node-fail-requeued', { exitCode: null, outOfMemory: false, reason: 'node_failed' }],
    ['job-cancelled', { exitCode: null, outOfMemory: false, reason: 'instance_lost' }],
  ])('%s', (name, expected) => {
    expect(jobState(job(name))).toMatchObject({ kind: 'exited', ...expected })
  })

  test('cancelled before it began, for what would not come about: that is how it ended', () => {
    const cancelled = { job_state: 'CANCELLED', batch_host: '' }
    const refused = job('job-cancelled', { ...cancelled, state_reason: 'PartitionConfig' })
    expect(jobState(refused)).toMatchObject({ kind: 'exited', reason: 'unschedulable' })
    const waited = job('job-cancelled', { ...cancelled, state_reason: 'Priority' })
    expect(jobState(waited)).toMatchObject({ kind: 'exited', reason: 'instance_lost' })
    const ran = job('job-cancelled', { ...cancelled, batch_host: 'node1', state_reason: 'PartitionConfig' })
    expect(jobState(ran)).toMatchObject({ kind: 'exited', reason: 'instance_lost' })
  })

  test('an end with a code says nothing else', () => {
    expect(jobState(job('job-failed-exit3'))).toEqual({ kind: 'exited', exitCode: 3, outOfMemory: false })
  })

  test.each(['Resources', 'Priority', 'BeginTime', 'Dependency', 'PartitionDown', 'qos-fewcpu', 'qos-onejob'])(
    'waiting for %s is waiting, in words',
    (name) => {
      const state = jobState(job(`job-pending-${name}`))
      expect(state).toMatchObject({ kind: 'pending', reason: expect.stringMatching(/^[a-z ]{10,}$/) })
    },
  )

  test('the expected start is told where Slurm has one', () => {
    const waiting = job('job-pending-Resources')
    expect(jobState(waiting)).toMatchObject({ expectedAt: waiting.start_time * 1_000 })
    expect(jobState(job('job-pending-PartitionDown'))).not.toHaveProperty('expectedAt')
  })
})

test.each([
  ['PartitionTimeLimit', 'unschedulable'],
  ['PartitionConfig', 'unschedulable'],
  ['BadConstraints', 'unschedulable'],
  ['QOSMaxWallDurationPerJobLimit', 'backend_quota'],
  ['QOSMaxMemoryPerJob', 'backend_quota'],
  ['AssocMaxCpuPerJobLimit', 'backend_quota'],
  ['AssocMaxGRESPerNode', 'backend_quota'],
  ['QOSMinCpuNotSatisfied', 'template_unfit'],
  ['AccountNotAllowed', 'template_unfit'],
  ['JobHeldUser', 'start_failed'],
])('%s will not come about: %s', (state_reason, reason) => {
  const state = jobState(job('job-pending-Priority', { state_reason }))
  expect(state).toMatchObject({ kind: 'exited', reason, detail: `PENDING ${state_reason}` })
})

test.each([
  'QOSMaxCpuPerUserLimit',
  'QOSMaxJobsPerUserLimit',
  'AssocMaxJobsLimit',
  'AssocGrpCPUMinutesLimit',
  'QOSGrpGRES',
  'MaxJobsPerAccount',
  'JobHeldAdmin',
  'ReqNodeNotAvail, UnavailableNodes:node[1-3]',
  'SomethingOfTomorrow',
  '',
])('%s may come about', (reason) => {
  expect(waitingFor(reason)).toEqual({ words: expect.stringMatching(/^[A-Za-z ]{10,}$/) })
})
