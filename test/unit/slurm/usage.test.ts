import { describe, expect, test } from 'vitest'
import {
  answer,
  jobRecord,
  jobs,
  ours,
  refTo,
  replaying,
  sealedName,
  submitted,
  unknownRef,
} from '../../support/slurm/replay.ts'

describe('what was used', () => {
  const tres = (...counts: readonly [string, string, number][]) =>
    counts.map(([type, name, count]) => ({ type, name, count }))
  const own = { job_id: 7, name: sealedName, user: 'carrel' }
  const of = (elapsed: number) => ({
    elapsed,
    start: submitted,
    end: submitted + elapsed,
    submission: submitted,
    limit: 0,
  })
  const allocated = tres(['cpu', '', 4], ['mem', '', 512], ['gres', 'gpu', 2], ['gres', 'gpu:a100', 2])

  test('is what the accounting says, over every run, and of nobody else', async () => {
    const run = (elapsed: number, other = {}) => ({
      ...jobRecord('slurmdb-forgotten', { ...own, time: of(elapsed), ...other }),
      tres: { allocated },
    })
    const slurm = replaying({
      'GET db/job/7': jobs(run(100), run(10), run(1_000, { name: 'another', time: { ...of(9), submission: 1 } })),
    })
    expect(await slurm.usage(refTo(7))).toEqual({ wallSeconds: 110, cpuSeconds: 440, gpuSeconds: 220 })
  })

  test('is what the controller says where there is no accounting', async () => {
    const done = ours('job-completed', {
      start_time: submitted,
      end_time: submitted + 50,
      cpus: 3,
      tres_alloc_str: 'cpu=3,mem=1G,gres/gpu=1',
    })
    const slurm = replaying({ 'GET db/job/7': answer('dbd-down-get'), 'GET jobs': jobs(done) })
    expect(await slurm.usage(refTo(7))).toEqual({ wallSeconds: 50, cpuSeconds: 150, gpuSeconds: 50 })
  })

  test('is what the controller says of a run that has ended there and not yet in the accounting', async () => {
    const two = { ...own, tres: { allocated: tres(['cpu', '', 2]) } }
    const books = jobs(
      { ...two, time: of(30), state: { current: 'NODE_FAIL' } },
      { ...two, time: { ...of(99), end: 0 }, state: { current: 'RUNNING' } },
    )
    const times = { start_time: submitted + 40, end_time: submitted + 50 }
    const done = ours('job-cancelled', { ...times, cpus: 2, tres_alloc_str: '' })
    const known = replaying({ 'GET db/job/7': books, 'GET jobs': jobs(done) })
    expect(await known.usage(refTo(7))).toEqual({ wallSeconds: 40, cpuSeconds: 80, gpuSeconds: 0 })
    const forgotten = replaying({ 'GET db/job/7': books, 'GET jobs': jobs() })
    expect(await forgotten.usage(refTo(7))).toEqual({ wallSeconds: 129, cpuSeconds: 258, gpuSeconds: 0 })
  })

  test('of a run whose end the accounting was never told goes up to its time limit, and later runs count once', async () => {
    const two = { ...own, tres: { allocated: tres(['cpu', '', 2]) } }
    const endless = { ...two, time: { ...of(9_000), end: 0, limit: 2 }, state: { current: 'RUNNING' } }
    const times = { start: submitted + 60, end: submitted + 70 }
    const again = { ...two, time: { ...of(10), ...times }, state: { current: 'COMPLETED' } }
    const alone = replaying({ 'GET db/job/7': jobs(endless), 'GET jobs': jobs() })
    expect(await alone.usage(refTo(7))).toEqual({ wallSeconds: 120, cpuSeconds: 240, gpuSeconds: 0 })
    const shown = ours('job-completed', { start_time: times.start, end_time: times.end, cpus: 2, tres_alloc_str: '' })
    const restarted = replaying({ 'GET db/job/7': jobs(endless, again), 'GET jobs': jobs(shown) })
    expect(await restarted.usage(refTo(7))).toEqual({ wallSeconds: 130, cpuSeconds: 260, gpuSeconds: 0 })
  })

  test('of a run that the controller still shows counts once, also where the books tell another begin', async () => {
    // As v0.0.37 tells it: the begin is when it was submitted.
    const two = { ...own, tres: { allocated: tres(['cpu', '', 2]) } }
    const endless = { ...two, time: { ...of(60), end: 0, limit: 1 }, state: { current: 'RUNNING' } }
    const again = {
      ...two,
      time: { ...of(10), start: submitted, end: submitted + 70 },
      state: { current: 'COMPLETED' },
    }
    const times = { start_time: submitted + 60, end_time: submitted + 70 }
    const shown = ours('job-completed', { ...times, cpus: 2, tres_alloc_str: '' })
    const slurm = replaying({ 'GET db/job/7': jobs(endless, again), 'GET jobs': jobs(shown) })
    expect(await slurm.usage(refTo(7))).toEqual({ wallSeconds: 70, cpuSeconds: 140, gpuSeconds: 0 })
  })

  test('of one that waits is nothing, and of one that nobody knows is not known', async () => {
    const waiting = replaying({ 'GET jobs': jobs(ours('job-pending-Resources')) })
    expect(await waiting.usage(unknownRef)).toEqual({ wallSeconds: 0, cpuSeconds: 0, gpuSeconds: 0 })
    expect(await replaying({ 'GET jobs': jobs() }).usage(unknownRef)).toBeNull()
    expect(await replaying({ 'GET jobs': answer('ctld-down-list') }).usage(unknownRef)).toBeNull()
  })
})
