import { describe, expect, test } from 'vitest'
import type { Reply } from '../../../ports/compute/slurm/wire.ts'
import { answer, ended, jobs, ours, recordsByName, refTo, replaying, unknownRef } from '../../support/slurm/replay.ts'

describe('hidden from the reader', () => {
  const hidden = answer('get-unknown')
  const none = answer('slurmdb-job-unknown')
  const blind = { 'GET jobs': jobs(), 'GET ping': answer('ping'), 'GET db/job/7': none }
  const byName = { [recordsByName]: none }

  test('its own user sees it run, however long', async () => {
    const theirs = jobs(ours('job-running'))
    const slurm = replaying({ ...blind, 'GET job/7': [hidden, theirs, hidden, theirs] }, { user: 'reader' })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'running' })
    slurm.pass(130_000)
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'running' })
    const looks = slurm.requests.filter(({ what }) => what === 'GET job/7').map(({ user }) => user)
    expect(looks).toEqual(['reader', 'carrel', 'reader', 'carrel'])
  })

  test('its own user sees its end', async () => {
    const slurm = replaying({ ...blind, 'GET job/7': [hidden, jobs(ours('job-completed'))] }, { user: 'reader' })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', exitCode: 0 })
  })

  test.each(['auth-bad-signature-get', 'ctld-down-get'])('%s for its own user: it is never lost', async (name) => {
    const theirs = answer(name)
    const looks = [hidden, theirs, hidden, theirs]
    const slurm = replaying({ ...blind, ...byName, 'GET job/7': looks }, { user: 'reader' })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
    slurm.pass(200_000)
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'unknown' })
  })

  test('no token for its own user: an end that the accounting knows is believed all the same', async () => {
    const theirs = answer('auth-bad-signature-get')
    const known = { ...blind, 'GET db/job/7': jobs(ended('slurmdb-forgotten')) }
    const slurm = replaying({ ...known, 'GET job/7': [hidden, theirs] }, { user: 'reader' })
    expect(await slurm.inspect(refTo(7))).toMatchObject({ kind: 'exited', exitCode: 0 })
  })

  // All that is known of it is its name, and as whom it was to run: the answer to its submission was lost.
  const byNameAlone = { ...unknownRef, owner: { name: 'carrel', uid: 20_001 } }
  const level = (administrator_level: string): Reply => ({
    status: 200,
    body: { errors: [], users: [{ name: 'reader', administrator_level }] },
    retryAfterMs: null,
  })
  const bounded = { 'GET db/user/reader': level('None') }
  const reader = { user: 'reader' }

  test('known by name alone: its own user sees it, or misses it as well', async () => {
    const looks = [jobs(), jobs(ours('job-running')), jobs(), jobs()]
    const slurm = replaying({ ...bounded, 'GET jobs': looks }, reader)
    expect(await slurm.inspect(byNameAlone)).toMatchObject({ kind: 'running' })
    expect(await slurm.inspect(byNameAlone)).toEqual({ kind: 'absent' })
    const users = slurm.requests.filter(({ what }) => what === 'GET jobs').map(({ user }) => user)
    expect(users).toEqual(['reader', 'carrel', 'reader', 'carrel'])
    // The level of a reader changes seldom.
    expect(slurm.asked().filter((what) => what === 'GET db/user/reader')).toHaveLength(1)
  })

  test.each(['auth-bad-signature-get', 'ctld-down-get'])(
    'known by name alone, and %s for its own user: it is unknown, never absent, and not removed',
    async (name) => {
      const slurm = replaying({ ...bounded, 'GET jobs': [jobs(), answer(name), jobs(), answer(name)] }, reader)
      expect(await slurm.inspect(byNameAlone)).toMatchObject({ kind: 'unknown' })
      expect(await slurm.remove(byNameAlone)).toMatchObject({ kind: 'unknown' })
    },
  )

  test('where the accounting does not tell the reader’s level, its own user is asked', async () => {
    const silent = { 'GET db/user/reader': answer('slurmdb-job-unknown') }
    const slurm = replaying({ ...silent, 'GET jobs': [jobs(), jobs(ours('job-running'))] }, reader)
    expect(await slurm.inspect(byNameAlone)).toMatchObject({ kind: 'running' })
  })

  test('an operator sees all: nobody else is asked, until that may have changed', async () => {
    const levels = [level('Operator'), level('None')]
    const slurm = replaying({ 'GET db/user/reader': levels, 'GET jobs': jobs() }, reader)
    for (let look = 0; look < 3; look += 1) expect(await slurm.inspect(byNameAlone)).toEqual({ kind: 'absent' })
    expect(slurm.minted).toEqual([])
    slurm.pass(11 * 60_000)
    expect(await slurm.inspect(byNameAlone)).toEqual({ kind: 'absent' })
    expect(slurm.minted).toEqual(['carrel'])
  })

  test.each([
    ['of the system', { name: 'backup', uid: 34 }],
    ['whom the site refuses', { name: 'robot', uid: 20_003 }],
  ])('a user %s, as whom nothing is ever submitted: no token is made to look as them', async (_, owner) => {
    const slurm = replaying({ ...bounded, 'GET jobs': jobs() }, { ...reader, refusedUsers: ['robot'] })
    expect(await slurm.inspect({ ...unknownRef, owner })).toEqual({ kind: 'absent' })
    expect(await slurm.remove({ ...unknownRef, owner })).toEqual({ kind: 'removed' })
    expect(slurm.minted).toEqual([])
  })

  test('a removal by name alone cancels what its own user sees, and is believed when that user misses it', async () => {
    const looks = [jobs(), jobs(ours('job-running')), jobs(), jobs()]
    const slurm = replaying(
      { ...bounded, 'GET jobs': looks, 'DELETE job/7': answer('cancel-running') },
      {
        ...reader,
        stopTimeoutMs: 30_000,
      },
    )
    expect(await slurm.remove(byNameAlone)).toEqual({ kind: 'removed' })
    expect(slurm.asked()).toContain('DELETE job/7')
  })

  test('a create whose earlier answer was lost finds the job that is hidden from the reader, and submits no second one', async () => {
    const slurm = replaying({ ...bounded, 'GET jobs': [jobs(), jobs(ours('job-running'))] }, reader)
    expect(await slurm.create()).toEqual({ kind: 'adopted', ref: refTo(7) })
  })
})
