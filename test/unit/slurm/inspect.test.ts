import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { jobName } from '../../../ports/compute/slurm/names.ts'
import {
  answer,
  ended,
  job,
  jobRecord,
  jobs,
  ours,
  ownRecord,
  ownTime,
  recordsByName,
  refTo,
  replaying,
  spec,
  submitted,
  unknownRef,
} from '../../support/slurm/replay.ts'

test('a running job: where its node is, its ports there, and when Slurm ends it', async () => {
  const running = ours('job-running')
  const slurm = replaying({ 'GET job/7': jobs(running) })
  expect(await slurm.inspect(refTo(7))).toEqual({
    kind: 'running',
    endpoints: [{ port: 8080, host: '10.0.0.1', hostPort: 8080 }],
    host: '10.0.0.1',
    endsAt: running.end_time * 1_000,
  })
})

test('one that reports its ports: where its node is', async () => {
  const report = { url: '', token: '', ports: { from: 1, to: 2 } }
  const running = ours('job-running', { name: jobName({ ...spec, report }, 'carrel') })
  const slurm = replaying({ 'GET jobs': jobs(running) })
  expect(await slurm.inspect(unknownRef)).toMatchObject({ kind: 'running', endpoints: [], host: '10.0.0.1' })
})

test('a node that nobody can find is unknown, and so is one outside', async () => {
  const slurm = replaying({ 'GET job/7': jobs(ours('job-running', { batch_host: 'node9' })) })
  expect(await slurm.inspect(refTo(7))).toEqual({ kind: 'unknown', why: 'no such node' })
})

describe('an error is never an end', () => {
  test.each(['auth-bad-signature-get', 'ctld-down-get', 'ctld-frozen-get', 'auth-no-headers', 'version-unknown'])(
    '%s is unknown',
    async (name) => {
      const slurm = replaying({ 'GET job/7': answer(name) })
      expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
    },
  )

  test.each([
    ['no job and no error', jobs()],
    ['two jobs', jobs(ours('job-running'), ours('job-running'))],
    ['a job without a state', jobs({ ...ours('job-running'), job_state: undefined })],
    ['a job that ends when no calendar goes', jobs({ ...ours('job-running'), end_time: 9e15 })],
    ['a page', { status: 200, body: null, retryAfterMs: null }],
    ['success, with an error', { ...answer('dbd-down-get') }],
  ])('%s is unknown', async (_, reply) => {
    const slurm = replaying({ 'GET job/7': reply })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
  })

  test('without a number: a list that fails is unknown, an empty one is absent', async () => {
    const slurm = replaying({ 'GET jobs': [answer('ctld-down-list'), jobs()] })
    expect(await slurm.inspect(unknownRef)).toMatchObject({ kind: 'unknown' })
    expect(await slurm.inspect(unknownRef)).toEqual({ kind: 'absent' })
  })
})

describe('a number that came back', () => {
  const others = { 'a stranger’s': 'alice', 'the same user’s other': 'carrel' } as const
  test.each(Object.entries(others))('now %s job: ours is looked for by name', async (_, user_name) => {
    const stranger = job('job-running', { job_id: 7, user_name, submit_time: submitted + 60 })
    const slurm = replaying({ 'GET job/7': jobs(stranger), 'GET jobs': jobs(ours('job-completed', { job_id: 6 })) })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', exitCode: 0 })
  })

  test('in the very second of its first use, by another user: it is not ours', async () => {
    const stranger = job('job-running', { job_id: 7, user_name: 'alice', submit_time: submitted })
    const slurm = replaying({ 'GET job/7': jobs(stranger), 'GET jobs': jobs(ours('job-completed', { job_id: 6 })) })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', exitCode: 0 })
  })

  test('and what the accounting keeps under it of others is not ours', async () => {
    const stranger = { ...ownRecord, name: 'another', time: { ...ownTime, submission: submitted + 60 } }
    const slurm = replaying({
      'GET job/7': answer('get-unknown'),
      'GET jobs': jobs(),
      'GET db/job/7': jobs(jobRecord('slurmdb-forgotten', stranger)),
      [recordsByName]: answer('slurmdb-job-unknown'),
      'GET ping': answer('ping'),
    })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
  })

  test('and is an array’s, of which every task is told: it is not ours', async () => {
    const task = (job_id: number) => job('job-running', { job_id, user_name: 'alice', submit_time: submitted + 60 })
    const slurm = replaying({
      'GET job/7': jobs(task(8), task(9), task(7)),
      'GET jobs': jobs(ours('job-completed', { job_id: 6 })),
    })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', exitCode: 0 })
  })

  test('another name by its owner’s hand does not hide it', async () => {
    const slurm = replaying({ 'GET job/7': jobs(ours('job-running', { name: 'mine-now' })) })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'running', endpoints: [{ port: 8080 }] })
  })
})

describe('the cluster restarted it under its number', () => {
  const again = ours('job-running', { restart_cnt: 1, submit_time: submitted + 60 })
  test('and its script ended at once, which says nothing of the session', async () => {
    const over = jobs({ ...again, job_state: 'COMPLETED' })
    const slurm = replaying({ 'GET job/7': over, 'GET jobs': over, 'GET db/job/7': answer('dbd-down-get') })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', reason: 'node_failed' })
  })

  test('which is a failure of its node', async () => {
    const slurm = replaying({ 'GET job/7': jobs(again), 'GET db/job/7': answer('dbd-down-get') })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', reason: 'node_failed' })
  })

  test('unless the accounting says that another took its place', async () => {
    const before = jobRecord('slurmdb-forgotten', { ...ownRecord, state: { current: 'PREEMPTED' } })
    const slurm = replaying({ 'GET job/7': jobs(again), 'GET db/job/7': jobs(before) })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', reason: 'preempted' })
  })
})

describe('its user has left the cluster, which has no name for them any more', () => {
  const nameless = jobs({ ...ours('job-running'), user_name: null })

  test('it runs on, and is told by its number and by its name', async () => {
    const slurm = replaying({ 'GET job/7': nameless, 'GET jobs': nameless })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'running' })
    const byName = { ...unknownRef, owner: { name: 'carrel', uid: 20_001 } }
    expect(await slurm.inspect(byName)).toMatchObject({ kind: 'running' })
  })

  test('and another’s job of that name is not it', async () => {
    const slurm = replaying({ 'GET jobs': nameless }, { user: 'alice' })
    expect(await slurm.inspect({ ...unknownRef, owner: { name: 'alice', uid: 20_002 } })).toEqual({ kind: 'absent' })
  })
})

describe('forgotten by the controller', () => {
  const gone = { 'GET job/7': answer('get-unknown'), 'GET jobs': jobs(), 'GET ping': answer('ping') }

  test.each([
    ['slurmdb-forgotten', { exitCode: 0, outOfMemory: false }],
    // Its code reads as 0 there, whatever it was.
    ['slurmdb-job-exit3', { exitCode: null, outOfMemory: false }],
    ['slurmdb-job-26', { reason: 'instance_lost' }],
    ['slurmdb-oom', { outOfMemory: true }],
  ])('%s: the accounting says how it ended', async (name, expected) => {
    const slurm = replaying({ ...gone, 'GET db/job/7': jobs(ended(name)) })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', ...expected })
  })

  test('of several runs the last one counts', async () => {
    const first = jobRecord('slurmdb-forgotten', { ...ownRecord, time: ownTime, state: { current: 'NODE_FAIL' } })
    const last = jobRecord('slurmdb-forgotten', { ...ownRecord, time: { ...ownTime, end: ownTime.end + 60 } })
    const slurm = replaying({ ...gone, 'GET db/job/7': jobs(last, first) })
    expect(await slurm.inspect(refTo(7))).toEqual({ kind: 'exited', exitCode: 0, outOfMemory: false })
  })

  test('it is found under another number by its name', async () => {
    const record = jobRecord('slurmdb-forgotten', { ...ownRecord, job_id: 12, time: ownTime })
    const slurm = replaying({ ...gone, 'GET db/job/7': answer('slurmdb-job-unknown'), [recordsByName]: jobs(record) })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', exitCode: 0 })
  })

  test('of which nobody knows when it was submitted, it is looked for in the last 30 days', async () => {
    const ids = { ...refTo(7).ids, submitted: '' }
    vi.useFakeTimers({ now: new Date('2026-11-23T12:00:00Z'), toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const since = recordsByName.replace(/start_time=.*/, 'start_time=2026-10-24')
    const slurm = replaying({
      ...gone,
      'GET db/job/7': answer('slurmdb-job-unknown'),
      [since]: jobs(ended('slurmdb-oom')),
    })
    expect(await slurm.inspect({ ...unknownRef, ids })).toMatchObject({ kind: 'exited', outOfMemory: true })
  })

  test.each([
    ['runs by its books', jobs(jobRecord('slurmdb-find-by-name-running', ownRecord))],
    ['does not answer', answer('dbd-down-get')],
    ['takes no token', answer('auth-bad-signature-slurmdb')],
    ['knows nothing', answer('slurmdb-job-unknown')],
  ])('the accounting %s: nothing is believed before two minutes', async (_, reply) => {
    const slurm = replaying({ ...gone, 'GET db/job/7': reply, [recordsByName]: reply })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
    slurm.pass(119_000)
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
    slurm.pass(2_000)
    expect(await slurm.inspect(refTo(7))).toEqual({ kind: 'absent' })
  })

  test('seen again meanwhile, the two minutes begin anew', async () => {
    const none = answer('slurmdb-job-unknown')
    const slurm = replaying({
      ...gone,
      // Each time that the reader misses it its own user is asked as well.
      'GET job/7': [answer('get-unknown'), answer('get-unknown'), jobs(ours('job-running')), answer('get-unknown')],
      'GET db/job/7': none,
      [recordsByName]: none,
    })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
    slurm.pass(130_000)
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'running' })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
  })

  test('nothing is lost while no controller answers', async () => {
    const none = answer('slurmdb-job-unknown')
    const slurm = replaying({
      ...gone,
      'GET ping': answer('ctld-down-ping'),
      'GET db/job/7': none,
      [recordsByName]: none,
    })
    for (const ms of [0, 200_000, 200_000]) {
      slurm.pass(ms)
      expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
    }
  })
})
