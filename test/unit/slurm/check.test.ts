import { describe, expect, test } from 'vitest'
import { checkProvider } from '../../../ports/compute/slurm/check.ts'
import type { Reply } from '../../../ports/compute/slurm/wire.ts'
import { call } from '../../conformance/compute-harness.ts'
import { answer, jobs, replaying } from '../../support/slurm/replay.ts'

const list = (key: string, ...names: readonly string[]) => ({
  status: 200,
  body: { errors: [], [key]: names.map((name) => ({ name })) },
  retryAfterMs: null,
})
const level = (administrator_level: string) => ({
  status: 200,
  body: { errors: [], users: [{ name: 'carrel', administrator_level }] },
  retryAfterMs: null,
})
const limits = { code: 'not_checked', level: 'warning', about: 'limits of accounts and QOS' }
const clock = (seconds: number) => ({
  status: 200,
  body: { errors: [], statistics: { req_time: seconds } },
  retryAfterMs: null,
})
const now = () => Math.floor(Date.now() / 1_000)
const well = {
  'GET ping': answer('ping'),
  'GET jobs': jobs(),
  'GET partitions': list('partitions', 'cpu'),
  'GET db/qos': list('QOS', 'normal'),
  'GET db/accounts': list('accounts', 'research'),
  'GET db/user/carrel': level('Operator'),
  'GET diag': () => clock(now()),
}
const check = async (answers: Parameters<typeof replaying>[0], terms = {}, image = 'node', settings = {}) => {
  const { signal } = call()
  const ask = {
    deploymentId: 'd',
    templates: [{ image, sizes: [], egress: 'internet' as const, terms: { slurm: terms } }],
  }
  return await checkProvider(replaying(answers, settings).check, ask, signal)
}

test('all that the templates name is there: what is not looked at is said', async () => {
  expect(await check(well, { partition: 'cpu', qos: 'normal', account: 'research' })).toEqual([limits])
})

test('what is missing is named', async () => {
  expect(await check(well, { partition: 'gpu', qos: 'high', account: 'chem' }, 'lab')).toEqual([
    { code: 'image_missing', level: 'missing', about: 'lab' },
    { code: 'named_missing', level: 'missing', about: 'partition gpu' },
    { code: 'named_missing', level: 'missing', about: 'QOS high' },
    { code: 'named_missing', level: 'missing', about: 'account chem' },
    limits,
  ])
})

test('an accounting that does not answer is said, and is not taken for one that knows no names', async () => {
  const answers = { ...well, 'GET db/qos': answer('dbd-down-get') }
  expect(await check(answers, { qos: 'normal' })).toEqual([
    { code: 'not_checked', level: 'warning', about: 'QOS' },
    limits,
  ])
})

describe('whether the reader sees the jobs of all users', () => {
  const found = async (reply: Reply) => await check({ ...well, 'GET db/user/carrel': reply })

  test.each(['Operator', 'Administrator'])('%s does', async (word) => {
    expect(await found(level(word))).toEqual([limits])
  })

  test.each(['None', 'Not Set'])('%s does not where jobs are private', async (word) => {
    const doubt = { code: 'permission_missing', level: 'warning', about: 'jobs of all users' }
    expect(await found(level(word))).toEqual([doubt, limits])
  })

  test.each([
    ['an accounting that is down', answer('dbd-down-get')],
    ['a user whom it does not know', answer('slurmdb-job-unknown')],
    ['another user’s level', list('users', 'alice')],
    ['a level of another word', level('Emperor')],
    ['an answer of another shape', { status: 200, body: { errors: [], users: 'many' }, retryAfterMs: null }],
  ])('%s tells nothing', async (_, reply) => {
    const doubt = { code: 'not_checked', level: 'warning', about: 'administrator level of carrel' }
    expect(await found(reply)).toEqual([doubt, limits])
  })

  test('root does, and nobody is asked', async () => {
    const root = { user: 'root', auth: 'token', token: 'token', key: undefined }
    expect(await check({ ...well, 'GET db/users': list('users', 'alice') }, {}, 'node', root)).toEqual([limits])
  })
})

describe('the clock of the cluster', () => {
  const found = async (reply: Reply) => await check({ ...well, 'GET diag': reply })

  test('may differ a little, and tells the end of sessions wrongly where it differs by more', async () => {
    for (const seconds of [-20, 20]) expect(await found(clock(now() + seconds))).toEqual([limits])
    const skewed = { code: 'clock_skewed', level: 'warning', about: 'controller' }
    for (const seconds of [-60, 60]) expect(await found(clock(now() + seconds))).toEqual([skewed, limits])
  })

  test('that nobody tells is said', async () => {
    const doubt = { code: 'not_checked', level: 'warning', about: 'clock of the controller' }
    expect(await found(answer('ctld-down-get'))).toEqual([doubt, limits])
  })
})

describe('whether the one token names other users', () => {
  const one = { user: 'carrel', auth: 'token', token: 'token', key: undefined }
  const users = list('users', 'root', 'carrel', 'robot', 'alice')
  const found = async (pings: readonly Reply[], known: Reply = users) => {
    const answers = { ...well, 'GET ping': pings, 'GET db/users': known }
    return await check(answers, {}, 'node', { ...one, refusedUsers: ['robot'] })
  }
  const up = answer('ping')

  test('is tried as an ordinary user whom the accounting knows', async () => {
    expect(await found([up, up])).toEqual([limits])
    const missing = { code: 'permission_missing', level: 'missing', about: 'jobs as other users' }
    expect(await found([up, answer('ctld-down-ping')])).toEqual([missing, limits])
  })

  test.each([
    ['knows nobody else', list('users', 'root', 'carrel')],
    ['does not answer', answer('dbd-down-get')],
  ])('is not tried where the accounting %s', async (_, known) => {
    const doubt = { code: 'not_checked', level: 'warning', about: 'jobs as other users' }
    expect(await found([up], known)).toEqual([doubt, limits])
  })
})

test('a bad token and a controller that is away look alike to the controller, and are told apart by the accounting', async () => {
  const away = { ...well, 'GET ping': answer('ctld-down-ping'), 'GET db/job/1': answer('slurmdb-job-unknown') }
  expect(await check(away)).toEqual([{ code: 'unreachable', level: 'missing' }])
  const refused = { ...away, 'GET db/job/1': answer('auth-bad-signature-slurmdb') }
  expect(await check(refused)).toEqual([{ code: 'credentials_refused', level: 'missing', about: 'token' }])
})

test('an interface that is not there, and a door that stays shut', async () => {
  expect(await check({ 'GET ping': answer('version-unknown') })).toMatchObject([{ code: 'version_unsupported' }])
  expect(await check({ 'GET ping': answer('auth-no-headers') })).toMatchObject([{ code: 'credentials_refused' }])
})
