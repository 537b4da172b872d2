import { describe, expect, test } from 'vitest'
import { jobName } from '../../../ports/compute/slurm/names.ts'
import type { Job } from '../../../ports/compute/slurm/shapes.ts'
import { answer, jobs, ours, refTo, replaying, spec } from '../../support/slurm/replay.ts'

const ok = answer('cancel-running')
const nameOf = (session: number) => jobName({ ...spec, name: `carrel-s${session}-1` }, 'carrel')

describe('a job that its owner called as the job of another session of theirs', () => {
  const renamed = ours('job-running', { name: nameOf(2) })

  test('is told as what it is', async () => {
    const slurm = replaying({ 'GET job/7': jobs(renamed) })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'running' })
  })

  test('is removed with its own session', async () => {
    const over = jobs({ ...renamed, job_state: 'CANCELLED' })
    const slurm = replaying(
      { 'GET jobs': [jobs(renamed), over], 'GET job/7': over, 'DELETE job/7': ok },
      { stopTimeoutMs: 30_000 },
    )
    expect(await slurm.remove(refTo(7))).toEqual({ kind: 'removed' })
    expect(slurm.asked()).toContain('DELETE job/7')
  })
})

describe('while the cluster’s directory tells no names, a create', () => {
  const nameless = (other: Partial<Job> = {}) => ({ ...ours('job-running', other), user_name: null })

  test('finds the job of an earlier try, and submits no second one', async () => {
    const slurm = replaying({ 'GET jobs': jobs(nameless()) })
    expect(await slurm.create()).toEqual({ kind: 'adopted', ref: refTo(7) })
  })

  test('knows its own job, as its user’s', async () => {
    const taken = { status: 200, body: { errors: [], job_id: 8 }, retryAfterMs: null }
    const both = jobs(nameless(), nameless({ job_id: 8 }))
    const slurm = replaying({ 'GET jobs': [jobs(), both], 'POST job/submit': taken, 'DELETE job/8': ok })
    expect(await slurm.create()).toEqual({ kind: 'adopted', ref: refTo(7) })
    expect(slurm.requests.find(({ what }) => what === 'DELETE job/8')?.user).toBe('carrel')
  })
})

test('a user whom the cluster does not know: what it made of the name is nobody’s, goes, and is refused', async () => {
  const nobodys = { ...ours('job-pending-Priority', { user_id: 99 }), user_name: null }
  const taken = { status: 200, body: { errors: [], job_id: 7 }, retryAfterMs: null }
  const slurm = replaying({ 'GET jobs': [jobs(), jobs(nobodys)], 'POST job/submit': taken, 'DELETE job/7': ok })
  expect(await slurm.create()).toMatchObject({ kind: 'refused', code: 'start_failed' })
  expect(slurm.asked()).toContain('DELETE job/7')
})

test('a list of many jobs, and of as many that others call so, is read in little time', async () => {
  const many = 2_000
  const mine = Array.from({ length: many }, (_, n) => ours('job-running', { job_id: n + 1, name: nameOf(n) }))
  const copies = mine.map((job) => ({ ...job, job_id: job.job_id + many, user_name: 'alice' }))
  const slurm = replaying({ 'GET jobs': jobs(...copies, ...mine) })
  const cpuAt = process.cpuUsage()
  expect(await slurm.list()).toHaveLength(many)
  const { user } = process.cpuUsage(cpuAt)
  expect(user / 1e6).toBeLessThan(10)
}, 240_000)
