import { expect, test } from 'vitest'
import { problemOf } from '../../api/failures.ts'
import { Problem, problemAnswer } from '../../api/problem.ts'
import { errorCodes } from '../../domain/errors.ts'
import type { ErrorCode } from '../../domain/errors.ts'

const codes = Object.keys(errorCodes) as ErrorCode[]
const headersOf = (problem: Problem): Record<string, string> => problemAnswer(problem, 'request-1').headers

test.each(codes.filter((code) => errorCodes[code] === 503))('%s says when to come again', (code) => {
  expect(headersOf(new Problem(code, 'Not now.'))['retry-after']).toMatch(/^[1-9]\d*$/)
  expect(headersOf(new Problem(code, 'Not now.', { headers: { 'retry-after': '60' } }))['retry-after']).toBe('60')
})

test.each(codes.filter((code) => errorCodes[code] < 500))('%s does not ask to come again by itself', (code) => {
  expect(headersOf(new Problem(code, 'No.'))).not.toHaveProperty('retry-after')
})

test('a database that does not answer is named as what it is, with when to come again', () => {
  const problem = problemOf(Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' }))
  expect(problem.code).toBe('unavailable')
  expect(headersOf(problem)['retry-after']).toBe('5')
})
