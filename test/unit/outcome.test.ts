import { expect, test } from 'vitest'
import { failuresOf, outcomeOf, passesOf, plus, summary, zero } from '../outcome.ts'
import { retelling } from '../retelling.ts'

const report = (passed: number, failed: number, pending: number, testResults: readonly unknown[] = []) =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: 0,
    testResults,
    extra: 1,
  })

const root = '/a/clone/'
const failed = (fullName: string, failureMessages: readonly string[]) => ({
  fullName,
  status: 'failed',
  failureMessages,
})
const passed = { fullName: 'is well', status: 'passed', failureMessages: [] }
const file = (name: string, status: string, assertionResults: readonly unknown[], message = '') => ({
  name: `${root}test/db/${name}.test.ts`,
  status,
  message,
  assertionResults,
})

test('the summary is one line of three numbers, summed over projects', () => {
  const total = [outcomeOf(report(10, 0, 1), 0), outcomeOf(report(5, 2, 0), 1)].reduce(plus, zero)
  expect(summary(total)).toBe('15 passed, 2 failed, 1 skipped')
})

test('a run that ended badly is never all green', () => {
  expect(outcomeOf(report(10, 0, 0), 1).failed).toBe(1)
  expect(outcomeOf(report(10, 0, 0), null).failed).toBe(1)
  expect(outcomeOf(undefined, 0).failed).toBe(1)
  expect(outcomeOf('{}', 0).failed).toBe(1)
  expect(outcomeOf('{"numPassedTests":', 0).failed).toBe(1)
})

test('a run in which everything passed has no failures', () => {
  expect(failuresOf(report(1, 0, 0, [file('a', 'passed', [passed])]), 0)).toEqual([])
})

test('failed tests are told, and files that failed as a whole', () => {
  const text = report(1, 1, 0, [
    file('a', 'failed', [passed, failed('outer breaks', ['first', 'second'])]),
    file('b', 'failed', [], "Cannot find module './c.ts'"),
    file('c', 'failed', [passed], 'afterAll broke'),
  ])
  expect(failuresOf(text, 1)).toEqual([
    { file: `${root}test/db/a.test.ts`, test: 'outer breaks', message: 'first' },
    { file: `${root}test/db/b.test.ts`, test: '(the file itself)', message: "Cannot find module './c.ts'" },
    { file: `${root}test/db/c.test.ts`, test: '(the file itself)', message: 'afterAll broke' },
  ])
})

test('a run that ended badly without a test that says why is a failure itself', () => {
  for (const [text, code, why] of [
    [report(1, 0, 0, [file('a', 'passed', [passed])]), 1, 'ended with 1'],
    [report(1, 0, 0), null, 'time was up'],
    [undefined, 0, 'ended with 0'],
    ['{', 1, 'ended with 1'],
  ] as const)
    expect(failuresOf(text, code)).toEqual([
      { file: '', test: '(the run itself)', message: expect.stringContaining(why) as string },
    ])
})

test('time that was up, and what nobody caught, is told beside tests that failed', () => {
  const text = report(1, 1, 0, [file('a', 'failed', [passed, failed('outer breaks', ['first'])])])
  const told = (code: number | null, uncaught?: string) =>
    failuresOf(text, code, uncaught).map(({ message }) => message)
  expect(told(1)).toEqual(['first'])
  expect(told(null)).toEqual(['first', 'its time was up'])
  expect(told(1, 'Error: nobody')).toEqual(['first', 'nobody caught: Error: nobody'])
})

test('what passed is told by name, and of a file only where a test of it did', () => {
  const left = { ...passed, status: 'skipped' }
  const text = report(1, 0, 2, [file('a', 'passed', [passed, left]), file('b', 'passed', [left])])
  const name = `${root}test/db/a.test.ts`
  expect(passesOf(text)).toEqual([
    { file: name, test: 'is well' },
    { file: name, test: '(the file itself)' },
  ])
  expect(passesOf(undefined)).toEqual([])
})

test('what failed is retold with its project, its file, its error and the frames that are ours', () => {
  const message = [
    'AssertionError: expected 1 to be 2',
    '',
    `    at ${root}test/db/a.test.ts:2:9`,
    `    at file://${root}db/b.ts:3:1`,
    `    at file://${root}node_modules/vitest/dist/run.js:1:1`,
    '    at new Promise (<anonymous>)',
  ].join('\n')
  const one = { project: 'db', file: `${root}test/db/a.test.ts`, test: 'outer breaks', message }
  expect(
    retelling('what failed', [one, { project: 'unit', file: '', test: '(the run itself)', message: 'gone' }], root),
  ).toEqual([
    '== what failed (2):',
    '!! db > test/db/a.test.ts > outer breaks',
    '    AssertionError: expected 1 to be 2',
    '    at test/db/a.test.ts:2:9',
    '    at db/b.ts:3:1',
    '!! unit > (the run itself)',
    '    gone',
  ])
  expect(retelling('what failed', [], root)).toEqual([])
})

test('a long line of an error is folded', () => {
  const message = `AssertionError: expected ${'x'.repeat(300)} to be nothing`
  const [, , first, second, ...rest] = retelling(
    'what failed',
    [{ project: 'db', file: 'a', test: 't', message }],
    root,
  )
  expect(`${first?.slice(4)}${second?.slice(4)}`).toBe(message)
  expect(rest).toEqual([])
})

test('however much failed, and however long it says why, it is retold in few short lines', () => {
  const message = Array.from({ length: 50 }, () => 'x'.repeat(1_000)).join('\n')
  for (const n of [1, 3, 7, 19, 20, 21, 500]) {
    const failures = Array.from({ length: n }, (_, i) => ({ project: 'db', file: 'a', test: `test ${i}`, message }))
    const lines = retelling('what failed', failures, root)
    expect(lines.length).toBeLessThanOrEqual(40)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(240)
    const told = lines.filter((line) => line.startsWith('!!')).length
    expect(told === n || lines.at(-1) === `… and ${n - told} more, told above`).toBe(true)
  }
})
