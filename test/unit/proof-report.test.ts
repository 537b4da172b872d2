import { expect, test } from 'vitest'
import { isProven, markdown } from '../proof/report.ts'
import type { PartReport, ProofReport } from '../proof/report.ts'

const part: PartReport = {
  name: 'kill',
  shows: 'nothing is lost',
  on: 'lab (docker)',
  seconds: 12.4,
  cases: 6,
  breaches: [],
  missed: null,
  notes: ['6 rounds'],
}
const report = (...parts: Partial<PartReport>[]): ProofReport => ({
  began: '2026-11-22T12:00:00.000Z',
  seconds: 20,
  seed: 7,
  provider: 'lab (docker)',
  interrupted: false,
  parts: parts.map((more) => ({ ...part, ...more })),
})

test('it is proven when everything was tried and everything held', () => {
  expect(isProven(report({}, {}))).toBe(true)
  expect(isProven(report({}, { breaches: ['one was left'] }))).toBe(false)
  expect(isProven({ ...report({}), interrupted: true })).toBe(false)
})

test('rounds that were asked for and not reached prove nothing', () => {
  expect(isProven(report({}, { missed: '4 of 6 rounds were reached in the time' }))).toBe(false)
  expect(markdown(report({ missed: '4 of 6 rounds were reached in the time' }))).toContain(
    '- **not all was tried**: 4 of 6 rounds were reached in the time',
  )
})

test('each part says what it ran on', () => {
  const text = markdown(report({}, { name: 'sweep', on: 'a model', breaches: ['one was left'] }))
  expect(text).toContain('| kill | lab (docker) | 6 | 0 | 12 |')
  expect(text).toContain('| sweep | a model | 6 | 1 | 12 |')
  expect(text).toContain('Shows that nothing is lost. It ran on a model.')
  expect(text).toContain('- **breach**: one was left')
})
