import { expect, test } from 'vitest'
import { createRefusals } from '../../api/sign-in/refusals.ts'

test('of one kind one refusal a minute is told, and with it how many were not', () => {
  let now = 0
  const { tell } = createRefusals(() => now)
  expect([tell('a'), tell('a'), tell('a'), tell('b')]).toEqual([0, null, null, 2])
  now = 59_999
  expect(tell('a')).toBeNull()
  now = 60_000
  expect([tell('a'), tell('a')]).toEqual([1, null])
})

test('however many callers there are, so many are told in a minute', () => {
  let now = 0
  const { tell } = createRefusals(() => now)
  const told = Array.from({ length: 1_000 }, (_, n) => tell(`caller ${n}`))
  expect(told.filter((one) => one !== null)).toHaveLength(60)
  now = 60_000
  expect(tell('caller 1')).toBe(940)
})
