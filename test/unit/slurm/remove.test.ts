import { describe, expect, test } from 'vitest'
import { ProviderUnreachable } from '../../../ports/compute/provider.ts'
import { jobName } from '../../../ports/compute/slurm/names.ts'
import {
  answer,
  job,
  jobs,
  ours,
  refTo,
  replaying,
  sealedName,
  spec,
  submitted,
  unknownRef,
} from '../../support/slurm/replay.ts'

const ok = answer('cancel-running')
const patient = { stopTimeoutMs: 30_000 }

describe('removal', () => {
  test('is asked for as the job’s user, and believed when the list shows its end', async () => {
    const slurm = replaying(
      {
        'GET jobs': [
          jobs(ours('job-running')),
          jobs(ours('job-running', { job_state: 'COMPLETING' })),
          jobs(ours('job-cancelled')),
        ],
        'DELETE job/7': ok,
      },
      patient,
    )
    expect(await slurm.remove(unknownRef)).toEqual({ kind: 'removed' })
    expect(slurm.requests.filter(({ what }) => what === 'DELETE job/7')).toMatchObject([{ user: 'carrel' }])
  })

  test('takes every job of the name, and no other', async () => {
    const copy = ours('job-running', { job_id: 3, user_name: 'alice', user_id: 20_002 })
    const other = job('job-running', { job_id: 4 })
    const slurm = replaying(
      {
        'GET jobs': [
          jobs(copy, other, ours('job-running'), ours('job-pending-Priority', { job_id: 8 })),
          jobs(copy, other),
        ],
        'DELETE job/7': ok,
        'DELETE job/8': ok,
      },
      patient,
    )
    expect(await slurm.remove(unknownRef)).toEqual({ kind: 'removed' })
    expect(
      slurm
        .asked()
        .filter((what) => what.startsWith('DELETE'))
        .sort(),
    ).toEqual(['DELETE job/7', 'DELETE job/8'])
  })

  test('of a number that is another’s by now cancels nothing', async () => {
    const stranger = job('job-running', { job_id: 7, user_name: 'alice', submit_time: submitted + 60 })
    const slurm = replaying({ 'GET jobs': jobs(stranger), 'GET job/7': jobs(stranger) })
    expect(await slurm.remove(refTo(7))).toEqual({ kind: 'removed' })
  })

  test('reaches a job that its owner gave another name', async () => {
    const renamed = ours('job-running', { name: 'mine-now' })
    const slurm = replaying(
      {
        'GET jobs': jobs(renamed),
        'GET job/7': [jobs(renamed), jobs({ ...renamed, job_state: 'CANCELLED' })],
        'DELETE job/7': ok,
      },
      patient,
    )
    expect(await slurm.remove(refTo(7))).toEqual({ kind: 'removed' })
  })

  test('of what has ended, or never was, is done', async () => {
    expect(await replaying({ 'GET jobs': jobs(ours('job-failed-exit3')) }).remove(unknownRef)).toEqual({
      kind: 'removed',
    })
    expect(await replaying({ 'GET jobs': jobs() }).remove(unknownRef)).toEqual({ kind: 'removed' })
    const forgotten = replaying({ 'GET jobs': jobs(), 'GET job/7': answer('get-unknown') })
    expect(await forgotten.remove(refTo(7))).toEqual({ kind: 'removed' })
  })

  test('a job that vanished between look and cancellation is done', async () => {
    const slurm = replaying(
      { 'GET jobs': [jobs(ours('job-running')), jobs()], 'DELETE job/7': answer('cancel-unknown') },
      patient,
    )
    expect(await slurm.remove(unknownRef)).toEqual({ kind: 'removed' })
  })

  test.each(['ctld-down-list', 'auth-bad-signature-list', 'auth-no-headers'])('%s confirms nothing', async (name) => {
    expect(await replaying({ 'GET jobs': answer(name) }).remove(unknownRef)).toMatchObject({ kind: 'unknown' })
  })

  test.each(['auth-expired-cancel', 'auth-other-users-job-cancel'])('%s confirms nothing', async (name) => {
    const slurm = replaying({ 'GET jobs': jobs(ours('job-running')), 'DELETE job/7': answer(name) })
    expect(await slurm.remove(unknownRef)).toMatchObject({ kind: 'unknown' })
  })

  test('of two jobs, of which one is refused, does nothing behind its answer', async () => {
    const slurm = replaying({
      'GET jobs': jobs(ours('job-running'), ours('job-running', { job_id: 8, submit_time: submitted + 1 })),
      'DELETE job/7': answer('auth-expired-cancel'),
      'DELETE job/8': ok,
    })
    expect(await slurm.remove(unknownRef)).toMatchObject({ kind: 'unknown' })
    expect(slurm.asked()).toEqual(['GET jobs', 'DELETE job/7'])
  })

  test('one that does not end in time is asked for again', async () => {
    const slurm = replaying({ 'GET jobs': jobs(ours('job-running', { job_state: 'COMPLETING' })), 'DELETE job/7': ok })
    expect(await slurm.remove(unknownRef)).toEqual({ kind: 'unknown', why: 'it is being ended (COMPLETING)' })
  })

  test('of a job whose user the cluster does not know any more confirms nothing while it lives', async () => {
    const nameless = jobs({ ...ours('job-running'), user_name: null })
    const slurm = replaying({ 'GET jobs': nameless, 'DELETE job/7': answer('auth-expired-cancel') })
    expect(await slurm.remove(refTo(7))).toMatchObject({ kind: 'unknown' })
  })

  test('nothing is cancelled as a user of the system, whatever its job is called', async () => {
    const strange = ours('job-running', { user_id: 0 })
    const slurm = replaying({ 'GET jobs': jobs(strange) })
    expect(await slurm.remove(unknownRef)).toMatchObject({ kind: 'unknown' })
    expect(slurm.minted).toEqual([])
  })
})

describe('removal of a job that is hidden from the reader', () => {
  const blind = { ...patient, user: 'reader' }
  const hidden = answer('get-unknown')

  test('asks its own user, and is done when that one sees its end', async () => {
    const looks = [hidden, jobs(ours('job-running')), hidden, jobs(ours('job-cancelled'))]
    const slurm = replaying({ 'GET jobs': jobs(), 'GET job/7': looks, 'DELETE job/7': ok }, blind)
    expect(await slurm.remove(refTo(7))).toEqual({ kind: 'removed' })
    expect(slurm.requests.map(({ what, user }) => `${user}: ${what}`)).toEqual([
      'reader: GET jobs',
      'reader: GET job/7',
      'carrel: GET job/7',
      'carrel: DELETE job/7',
      'reader: GET jobs',
      'reader: GET job/7',
      'carrel: GET job/7',
    ])
  })

  test('whose time of submission was never learned is known by its name', async () => {
    const looks = [hidden, jobs(ours('job-running')), hidden, hidden]
    const slurm = replaying({ 'GET jobs': jobs(), 'GET job/7': looks, 'DELETE job/7': ok }, blind)
    const ids = { job: '7', user: 'carrel', name: sealedName }
    expect(await slurm.remove({ ...unknownRef, ids })).toEqual({ kind: 'removed' })
    expect(slurm.asked()).toContain('DELETE job/7')
  })

  // A token that may not name the user is answered like a bad one.
  test.each(['auth-bad-signature-get', 'ctld-down-get', 'auth-no-headers'])(
    '%s for its own user confirms nothing',
    async (name) => {
      const slurm = replaying({ 'GET jobs': jobs(), 'GET job/7': [hidden, answer(name)] }, blind)
      expect(await slurm.remove(refTo(7))).toMatchObject({ kind: 'unknown' })
    },
  )

  test('does not ask its user where the reader sees that it has ended', async () => {
    const over = jobs(ours('job-cancelled'))
    const slurm = replaying({ 'GET jobs': over, 'GET job/7': over }, blind)
    expect(await slurm.remove(refTo(7))).toEqual({ kind: 'removed' })
    expect(slurm.minted).toEqual([])
  })
})

describe('the list', () => {
  test('holds what lives of this deployment, each instance once, from one call', async () => {
    const elsewhere = jobName({ ...spec, deploymentId: 'another' }, 'carrel')
    const second = { ...spec, name: 'carrel-s2-3' }
    const slurm = replaying({
      'GET jobs': jobs(
        ours('job-running'),
        ours('job-running', { job_id: 8, submit_time: submitted + 1 }),
        ours('job-pending-Resources', { job_id: 9, name: jobName(second, 'carrel') }),
        ours('job-completed', { job_id: 10, name: jobName({ ...spec, name: 'carrel-s3-1' }, 'carrel') }),
        job('job-running', { job_id: 11, name: elsewhere }),
        ours('job-running', { job_id: 12, user_name: 'alice' }),
        job('job-running', { job_id: 13, name: 'carrel-s4-1.p8080.0123456789abcdef' }),
        // Somebody else's, of whatever shape.
        { ...ours('job-running', { job_id: 15 }), user_name: null },
        { name: null },
        { job_id: 'x', name: 'simulation' },
      ),
    })
    const listed = await slurm.list()
    expect(slurm.asked()).toEqual(['GET jobs'])
    expect(listed).toMatchObject([
      { ref: refTo(7), sessionId: 's1', generation: 1, state: { kind: 'running', host: '10.0.0.1' } },
      { ref: { name: 'carrel-s2-3' }, sessionId: 's2', generation: 3, state: { kind: 'pending' } },
    ])
    expect(listed).toHaveLength(2)
  })

  test.each(['ctld-down-list', 'auth-bad-signature-list', 'auth-no-headers'])(
    '%s is an error, not an empty list',
    async (name) => {
      await expect(replaying({ 'GET jobs': answer(name) }).list()).rejects.toThrow(ProviderUnreachable)
    },
  )

  test('a job of ours that cannot be read is an error, not a shorter list', async () => {
    const slurm = replaying({ 'GET jobs': jobs(ours('job-running'), { name: sealedName }) })
    await expect(slurm.list()).rejects.toThrow(ProviderUnreachable)
  })
})
