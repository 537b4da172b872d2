import { expect, test } from 'vitest'
import { outcomeOf, plus, summary, zero } from '../outcome.ts'

const report = (passed: number, failed: number, pending: number) =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: 0,
    extra: 1,
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
})
