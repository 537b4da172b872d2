import { expect, test } from 'vitest'
import type { Failure } from '../outcome.ts'
import { settled, worthAnotherRun } from '../unsteady.ts'

const failed = (file: string, name = 'a test'): Failure => ({ file, test: name, message: '' })
const run = (passed: number, failures: readonly Failure[], passes: readonly Failure[] = []) => ({
  outcome: { passed, failed: failures.length, skipped: 0 },
  failures,
  passes,
  unsteady: [],
})

test('files of a few failures are worth another run, each once', () => {
  expect(worthAnotherRun([failed('/a.test.ts', 'x'), failed('/a.test.ts', 'y'), failed('/b.test.ts')])).toEqual([
    '/a.test.ts',
    '/b.test.ts',
  ])
  expect(worthAnotherRun([])).toEqual([])
})

test.each([
  ['many files', ['/a', '/b', '/c', '/d']],
  ['the run itself', ['/a', '']],
  ['a proof', ['/a', '/test/db/invitation-races.test.ts']],
])('%s: nothing is', (_what, files) => {
  expect(worthAnotherRun(files.map((file) => failed(file)))).toEqual([])
})

test('what passed alone is unsteady, what failed again has failed, and so has what fails only then', () => {
  const [x, y, z] = [failed('/a', 'x'), failed('/a', 'y'), failed('/a', 'z')]
  expect(settled(run(10, [x, y]), run(1, [y, z], [x]))).toEqual({
    outcome: { passed: 11, failed: 2, skipped: 0 },
    failures: [y, z],
    unsteady: [x],
  })
  expect(settled(run(10, [x]), run(4, [], [x])).outcome).toEqual({ passed: 11, failed: 0, skipped: 0 })
})

test('a second run that did not take place clears nothing', () => {
  const first = run(10, [failed('/a', 'x')])
  expect(settled(first, run(0, [failed('', '(the run itself)')]))).toEqual(first)
})

test('what was left out in the second run has not passed there', () => {
  const [x, y] = [failed('/a', 'x'), failed('/a', 'y')]
  expect(settled(run(10, [x, y]), run(1, [], [y]))).toEqual({
    outcome: { passed: 11, failed: 1, skipped: 0 },
    failures: [x],
    unsteady: [y],
  })
})
