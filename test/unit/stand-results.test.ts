import { expect, test } from 'vitest'
import { lackOf } from '../stands/configured.ts'
import { endOf, exitCodeOf } from '../stands/end.ts'
import { standPart } from '../stands/part.ts'
import type { Present, StandRun } from '../stands/part.ts'
import { resultsOf } from '../stands/results.ts'

const told = (
  title: string,
  status: string,
  duration: number,
  above = 'slurm keeps the promises of a compute provider',
) => ({
  ancestorTitles: [above],
  title,
  status,
  duration,
})
const report = JSON.stringify({
  testResults: [
    {
      assertionResults: [
        told('create twice', 'passed', 1_234),
        told('a removal', 'failed', 50),
        { ...told('what is paused wakes', 'passed', 1), meta: { untried: true } },
        told('WITHOUT MOUNTS: nothing is mounted', 'passed', 1),
        told('a whole session', 'passed', 20_000, 'sessions on slurm'),
      ],
    },
  ],
})

const run: StandRun = {
  backend: 'slurm',
  when: '2026-11-22, commit abc',
  cases: resultsOf('slurm', report),
  figures: [{ backend: 'slurm', what: 'all right again after', took: [1_500] }],
  seconds: 21.4,
}
const nothing: Present = { runs: [], cases: [], without: [], figures: [] }

test('a run is told by case, with what was not tried apart', () => {
  const { tables } = standPart([run], nothing)
  expect(tables.map(({ rows }) => rows)).toEqual([
    [['slurm', '2026-11-22, commit abc', '2', '1', '2', '21']],
    [
      ['create twice', '1.2'],
      ['a removal', '**failed** (0.1)'],
      ['a whole session', '20.0'],
    ],
    [
      ['slurm', 'what is paused wakes'],
      ['slurm', 'WITHOUT MOUNTS: nothing is mounted'],
    ],
    [['slurm', 'all right again after', '1', '1500 ms', '1500 ms', '1500 ms']],
  ])
  expect(tables[1]?.columns).toEqual(['case', 'slurm'])
})

test('a backend that does not run keeps what stood there, and one that runs again does not', () => {
  const present: Present = {
    runs: [
      ['backend', 'when', 'passed', 'failed', 'not tried', 'seconds'],
      ['docker', 'before', '9', '0', '1', '60'],
      ['slurm', 'before', '0', '9', '1', '60'],
    ],
    cases: [
      ['case', 'docker', 'slurm'],
      ['create twice', '2.0', '**failed** (9.0)'],
      ['what only docker has', '3.0', '–'],
      ['what slurm had', '–', '4.0'],
    ],
    without: [
      ['backend', 'what'],
      ['docker', 'WITHOUT PENDING'],
      ['slurm', 'WITHOUT EVERYTHING'],
    ],
    figures: [],
  }
  const [runs, cases, without] = standPart([run], present).tables
  expect(runs?.rows.map(([backend, when]) => [backend, when])).toEqual([
    ['docker', 'before'],
    ['slurm', '2026-11-22, commit abc'],
  ])
  expect(cases?.columns).toEqual(['case', 'docker', 'slurm'])
  expect(cases?.rows).toEqual([
    ['create twice', '2.0', '1.2'],
    ['a removal', '–', '**failed** (0.1)'],
    ['a whole session', '–', '20.0'],
    ['what only docker has', '3.0', '–'],
  ])
  expect(without?.rows).toEqual([
    ['docker', 'WITHOUT PENDING'],
    ['slurm', 'what is paused wakes'],
    ['slurm', 'WITHOUT MOUNTS: nothing is mounted'],
  ])
})

test('what is no report has no cases', () => {
  expect([resultsOf('slurm', undefined), resultsOf('slurm', '{}'), resultsOf('slurm', 'no')]).toEqual([[], [], []])
})

const allPassed = { run, outcome: { passed: 4, failed: 0, skipped: 0 } }
const lacks = new Map([['openstack', 'OS_CLOUD is not set'] as const])

test('what is said last names what ran, how that went, and what did not run and why', () => {
  expect(endOf([{ run, outcome: { passed: 3, failed: 1, skipped: 0 } }], lacks)).toEqual([
    '-- not tried on slurm: what is paused wakes',
    '-- not tried on slurm: WITHOUT MOUNTS: nothing is mounted',
    'ran: slurm: 3 passed, 1 failed, 0 skipped (21 s)',
    'did not run: openstack: OS_CLOUD is not set',
    '3 passed, 1 failed, 0 skipped',
  ])
})

test('it is well when something ran, all of it passed, and what was asked for by name ran', () => {
  const oneFailed = { run, outcome: { passed: 3, failed: 1, skipped: 0 } }
  expect([
    exitCodeOf([allPassed], new Map(), true),
    exitCodeOf([allPassed], lacks, false),
    exitCodeOf([allPassed], lacks, true),
    exitCodeOf([allPassed, oneFailed], new Map(), false),
    exitCodeOf([], lacks, false),
  ]).toEqual([0, 0, 1, 1, 1])
})

test('what configuration does not point to is said with the variable that is missing', async () => {
  expect(await lackOf('kubernetes', {})).toBe('KUBECONFIG is not set')
  expect(await lackOf('kubernetes', { KUBECONFIG: '/nowhere' })).toContain('not there')
  expect(await lackOf('kubernetes', { KUBECONFIG: import.meta.filename })).toBeNull()
  expect(await lackOf('openstack', { OS_CLIENT_CONFIG_FILE: import.meta.filename })).toBe('OS_CLOUD is not set')
  const slurm = { CARREL_STAND_SLURM_URL: 'http://127.0.0.1:1' }
  expect(await lackOf('slurm', {})).toBe('CARREL_STAND_SLURM_URL is not set')
  expect(await lackOf('slurm', slurm)).toBe('CARREL_STAND_SLURM_KEY_FILE is not set')
  expect(await lackOf('slurm', { ...slurm, CARREL_STAND_SLURM_KEY_FILE: import.meta.filename })).toBeNull()
})
