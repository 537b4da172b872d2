import { describe, expect, test } from 'vitest'
import type { InstanceSpec } from '../../../ports/compute/provider.ts'
import { NoToken } from '../../../ports/compute/slurm/failure.ts'
import { timeLimitMinutes } from '../../../ports/compute/slurm/job.ts'
import { answer, jobs, ours, refTo, replaying, sealedName, spec, submitted } from '../../support/slurm/replay.ts'

const submit = 'POST job/submit'
const taken = (id: number, code?: number) => ({
  status: 200,
  body: { errors: code === undefined ? [] : [{ error_code: code, error: 'said' }], job_id: id },
  retryAfterMs: null,
})
const ok = answer('cancel-running')

test('a job is submitted as its user, in the terms of the template, with nothing secret beside its script', async () => {
  const slurm = replaying({ 'GET jobs': [jobs(), jobs(ours('job-running'))], [submit]: taken(7) })
  const asked: InstanceSpec = {
    ...spec,
    resources: { ...spec.resources, gpus: 2 },
    terms: { slurm: { partition: 'long', account: 'chem', qos: 'high', gres: 'gpu:a100' } },
  }
  expect(await slurm.create(asked)).toEqual({ kind: 'made', ref: refTo(7) })
  const [request] = slurm.requests.filter(({ what }) => what === submit)
  expect(request?.user).toBe('carrel')
  expect(request?.body).toMatchObject({
    script: expect.stringContaining('not for lists'),
    job: {
      name: sealedName,
      partition: 'long',
      account: 'chem',
      qos: 'high',
      gres: 'gpu:a100:2',
      tasks: 1,
      cpus_per_task: 2,
      memory_per_node: 512,
      time_limit: 65,
      environment: { GREETING: 'hello', PATH: '/usr/local/bin:/usr/bin:/bin' },
    },
  })
  expect(JSON.stringify(request?.body).split('not for lists')).toHaveLength(2)
})

test('the lifetime ends before the job does, and a limit of the cluster takes the margin, not the lifetime', () => {
  const margin = { wallMarginSeconds: 300 }
  expect(timeLimitMinutes(3_600, { ...margin, maxMinutes: undefined })).toBe(65)
  expect(timeLimitMinutes(3_590, { ...margin, maxMinutes: 62 })).toBe(62)
  expect(timeLimitMinutes(3_600, { ...margin, maxMinutes: 30 })).toBe(60)
  // 0 would wait for ever.
  expect(timeLimitMinutes(0, { wallMarginSeconds: 0, maxMinutes: undefined })).toBe(1)
})

describe('adoption', () => {
  test('a job of the name is adopted, whatever became of it, and none is submitted', async () => {
    for (const name of ['job-running', 'job-pending-Priority', 'job-failed-exit3', 'job-cancelled']) {
      const slurm = replaying({ 'GET jobs': jobs(ours(name)) })
      expect(await slurm.create()).toEqual({ kind: 'adopted', ref: refTo(7) })
    }
  })

  test('an answer that was lost: the next create finds the job', async () => {
    // create: list (none) ─ submit ··· 5004            next: list ─ there it is
    const slurm = replaying({ 'GET jobs': [jobs(), jobs(ours('job-running'))], [submit]: answer('ctld-frozen-submit') })
    expect(await slurm.create()).toMatchObject({ kind: 'unavailable' })
    expect(await slurm.create()).toEqual({ kind: 'adopted', ref: refTo(7) })
    expect(slurm.asked().filter((what) => what === submit)).toHaveLength(1)
  })

  test('two who submit at once: the older job stays, the other one goes, and both tell of the same', async () => {
    // A: list (none) ─ submit 7 ─────────── list 7 (8 is not there yet)
    // B: list (none) ─────────── submit 8 ─────────── list 7, 8 ─ cancel 8
    const slurm = replaying({
      'GET jobs': [jobs(), jobs(ours('job-running', { job_id: 8 }), ours('job-running'))],
      [submit]: taken(8),
      'DELETE job/8': ok,
    })
    expect(await slurm.create()).toEqual({ kind: 'adopted', ref: refTo(7) })
    expect(slurm.requests.find(({ what }) => what === 'DELETE job/8')?.user).toBe('carrel')
  })

  test('what lives is adopted before what is over', async () => {
    const slurm = replaying({ 'GET jobs': jobs(ours('job-cancelled'), ours('job-running', { job_id: 9 })) })
    expect(await slurm.create()).toEqual({ kind: 'adopted', ref: refTo(9) })
  })

  test("another user's job of the same name is neither adopted nor touched", async () => {
    const copy = ours('job-running', { job_id: 3, user_name: 'alice', user_id: 20_002, submit_time: submitted - 9 })
    const slurm = replaying({ 'GET jobs': [jobs(copy), jobs(copy, ours('job-running'))], [submit]: taken(7) })
    expect(await slurm.create()).toEqual({ kind: 'made', ref: refTo(7) })
  })

  test('made is made, though nobody could look at it afterwards', async () => {
    const slurm = replaying({ 'GET jobs': [jobs(), answer('ctld-down-list')], [submit]: taken(7) })
    expect(await slurm.create()).toEqual({
      kind: 'made',
      ref: { ...refTo(7), ids: { job: '7', user: 'carrel', name: sealedName } },
    })
  })
})

describe('refusals', () => {
  test.each([
    ['submit-bad-partition', 'template_unfit'],
    ['submit-bad-qos', 'template_unfit'],
    ['submit-mem-too-big', 'unschedulable'],
    ['submit-gpu-too-many', 'unschedulable'],
    ['submit-env-empty', 'start_failed'],
  ])('%s is %s, in Slurm’s own words for the operator', async (name, code) => {
    const slurm = replaying({ 'GET jobs': jobs(), [submit]: answer(name) })
    expect(await slurm.create()).toMatchObject({
      kind: 'refused',
      code,
      detail: expect.stringMatching(/\w+ .*\(\d+\)/),
    })
  })

  test('a user of whom the accounting has never heard is not the template’s, unless that names an account', async () => {
    const slurm = replaying({ 'GET jobs': jobs(), [submit]: answer('submit-bad-account') })
    expect(await slurm.create()).toMatchObject({ kind: 'refused', code: 'start_failed' })
    const asked = { ...spec, terms: { slurm: { account: 'chem' } } }
    expect(await slurm.create(asked)).toMatchObject({ kind: 'refused', code: 'template_unfit' })
  })

  test('what a plugin of the site’s refuses without a number is refused, and closes the cluster for nobody else', async () => {
    const body = { errors: [{ error_code: -1, error: 'Unspecified error' }] }
    const slurm = replaying({ 'GET jobs': jobs(), [submit]: { status: 500, body, retryAfterMs: null } })
    expect(await slurm.create()).toMatchObject({ kind: 'refused', code: 'start_failed' })
    const list = replaying({
      'GET jobs': { status: 500, body: { errors: [{ error_number: -1 }] }, retryAfterMs: null },
    })
    expect(await list.create()).toMatchObject({ kind: 'unavailable' })
  })

  test('nor does a user of whom there is no good token', async () => {
    const none = () => {
      throw new NoToken('the token has expired')
    }
    const slurm = replaying({ 'GET jobs': jobs(), [submit]: none })
    expect(await slurm.create()).toMatchObject({
      kind: 'refused',
      code: 'start_failed',
      detail: 'the token has expired',
    })
  })

  test('but not while a job may be there: nobody could look for it, or a double could not be cancelled', async () => {
    const none = () => {
      throw new NoToken('the token has expired')
    }
    // The answer to the submission was lost, and the reader may not see the job.
    const looks = [() => jobs(), none]
    const hidden = replaying(
      { 'GET jobs': () => (looks.shift() ?? none)(), 'GET db/user/reader': jobs() },
      { user: 'reader' },
    )
    expect(await hidden.create()).toMatchObject({ kind: 'unavailable', detail: 'the token has expired' })
    expect(hidden.asked()).not.toContain(submit)
    const both = jobs(ours('job-running'), ours('job-running', { job_id: 8 }))
    const double = replaying({ 'GET jobs': both, 'DELETE job/8': none })
    expect(await double.create()).toMatchObject({ kind: 'unavailable' })
    const misplaced = replaying({ 'GET jobs': jobs(ours('job-running', { user_id: 501 })), 'DELETE job/7': none })
    expect(await misplaced.create()).toMatchObject({ kind: 'unavailable' })
  })

  test('what is answered to another call than the submission is none', async () => {
    // Slurm's 2021: the double has ended meanwhile.
    const both = jobs(ours('job-running'), ours('job-running', { job_id: 8 }))
    const over = { status: 500, body: { errors: [{ error_number: 2021, error: 'Job/step already completing' }] } }
    const slurm = replaying({ 'GET jobs': both, 'DELETE job/8': { ...over, retryAfterMs: null } })
    expect(await slurm.create()).toMatchObject({ kind: 'unavailable' })
  })

  test('a gres of which the cluster has not heard is the template’s', async () => {
    const slurm = replaying({ 'GET jobs': jobs(), [submit]: answer('submit-gres-unknown') })
    const asked = { ...spec, resources: { ...spec.resources, gpus: 1 } }
    expect(await slurm.create(asked)).toMatchObject({ kind: 'refused', code: 'template_unfit' })
  })

  test('a limit of the account that Slurm enforces at once', async () => {
    const body = { errors: [{ error_code: 2050, error: 'Job violates accounting/QOS policy' }] }
    const slurm = replaying({ 'GET jobs': jobs(), [submit]: { status: 500, body, retryAfterMs: null } })
    expect(await slurm.create()).toMatchObject({ kind: 'refused', code: 'backend_quota' })
  })

  test.each([
    ['submit-cpus-too-many', 'PartitionConfig'],
    ['submit-time-over-partition', 'PartitionTimeLimit'],
  ])('%s: it was queued all the same, so it is cancelled, and refused', async (name, state_reason) => {
    const reply = answer(name)
    const id = (reply.body as { job_id: number }).job_id
    const queued = ours('job-pending-Priority', { job_id: id, state_reason })
    const slurm = replaying({ 'GET jobs': [jobs(), jobs(queued)], [submit]: reply, [`DELETE job/${id}`]: ok })
    expect(await slurm.create()).toMatchObject({ kind: 'refused', code: 'unschedulable' })
    expect(slurm.asked()).toContain(`DELETE job/${id}`)
  })

  test('a warning that passes is no refusal: held, or a partition that is down for now', async () => {
    for (const [code, state_reason] of [
      [2042, 'JobHeldAdmin'],
      [2015, 'PartitionDown'],
    ] as const) {
      const queued = ours('job-pending-Priority', { state_reason })
      const slurm = replaying({ 'GET jobs': [jobs(), jobs(queued)], [submit]: taken(7, code) })
      expect(await slurm.create()).toEqual({ kind: 'made', ref: refTo(7) })
    }
  })

  test.each(['ctld-down-submit', 'ctld-frozen-submit', 'auth-expired-submit', 'auth-no-headers', 'version-unknown'])(
    '%s says nothing of the job',
    async (name) => {
      const slurm = replaying({ 'GET jobs': jobs(), [submit]: answer(name) })
      expect(await slurm.create()).toMatchObject({ kind: 'unavailable' })
    },
  )

  test('an unknown list stops a create before it makes a second job', async () => {
    const slurm = replaying({ 'GET jobs': answer('auth-bad-signature-list') })
    expect(await slurm.create()).toMatchObject({ kind: 'unavailable' })
    expect(slurm.asked()).toEqual(['GET jobs'])
  })

  test('the cluster knows the user by another number: its job goes at once', async () => {
    const other = ours('job-running', { user_id: 501 })
    const slurm = replaying({ 'GET jobs': [jobs(), jobs(other)], [submit]: taken(7), 'DELETE job/7': ok })
    expect(await slurm.create()).toMatchObject({ kind: 'refused', code: 'start_failed' })
    expect(slurm.asked()).toContain('DELETE job/7')
    const next = replaying({ 'GET jobs': jobs({ ...other, job_state: 'CANCELLED' }) })
    expect(await next.create()).toMatchObject({ kind: 'refused', code: 'start_failed' })
  })
})

describe('before anything is asked and any token is made', () => {
  const user = { uid: 20_001, gid: 20_001, gids: [], name: 'carrel' }
  const report = { url: 'http://carrel/r', token: 't', ports: { from: 20_000, to: 20_999 } }
  test.each<[string, Partial<InstanceSpec>, string]>([
    ['no user', { user: null }, 'start_failed'],
    ['a user without a name', { user: { uid: 20_001, gid: 20_001, gids: [] } }, 'start_failed'],
    ['root', { user: { ...user, uid: 0, name: 'root' } }, 'start_failed'],
    ['root by number', { user: { ...user, uid: 0 } }, 'start_failed'],
    ['root by name', { user: { ...user, name: 'root' } }, 'start_failed'],
    ['a user of the system', { user: { ...user, uid: 999 } }, 'start_failed'],
    ['nobody', { user: { ...user, uid: 65_534 } }, 'start_failed'],
    ['a number that is none', { user: { ...user, uid: -1 } }, 'start_failed'],
    ['Slurm itself', { user: { ...user, name: 'slurm' } }, 'start_failed'],
    ['one whom the site refuses', { user: { ...user, name: 'robot' } }, 'start_failed'],
    ['a name that is none', { user: { ...user, name: 'carrel;reboot' } }, 'start_failed'],
    ['an image of which nobody said what it is', { image: 'jupyter:5' }, 'image_missing'],
    ['an image named as what every object has', { image: 'constructor' }, 'image_missing'],
    ['no command', { command: null }, 'template_unfit'],
    ['mounts', { mounts: [{ hostPath: '/data', target: '/data', mode: 'ro' }] }, 'template_unfit'],
    ['no network', { egress: 'none' }, 'template_unfit'],
    ['readiness by what it prints', { readiness: { kind: 'log', pattern: 'x' } }, 'template_unfit'],
    ['a zero byte', { command: ['a\0b'] }, 'template_unfit'],
    ['a variable that is none', { environment: { 'A B': 'c' } }, 'template_unfit'],
  ])('%s is refused', async (_, other, code) => {
    const slurm = replaying({}, { refusedUsers: ['robot'] })
    expect(await slurm.create({ ...spec, ...other })).toMatchObject({ kind: 'refused', code })
    expect(slurm.requests).toEqual([])
    expect(slurm.minted).toEqual([])
  })

  test('on shared nodes ports are reported, with a certificate', async () => {
    const slurm = replaying(
      { 'GET jobs': [jobs(), jobs(ours('job-running'))], [submit]: taken(7) },
      { exclusiveNodes: false },
    )
    expect(await slurm.create()).toMatchObject({ kind: 'refused', code: 'template_unfit' })
    expect(await slurm.create({ ...spec, report })).toMatchObject({ kind: 'refused', code: 'template_unfit' })
    expect((await slurm.create({ ...spec, report: { ...report, tls: true } })).kind).toBe('made')
  })
})
