import { expect, test } from 'vitest'
import type { ProofOutcome, ProofRun } from '../proof/part.ts'
import { repeated } from '../proof/vitest-part.ts'

const outcome: ProofOutcome = { cases: 3, breaches: [], notes: ['tests: 3 passed'] }
// What is repeated here asks for nothing else of a run.
const run = (more: Partial<ProofRun> = {}) =>
  ({ durationMs: 60_000, signal: new AbortController().signal, ...more }) as ProofRun

test('rounds are counted together, with every breach', async () => {
  let round = 0
  const found = await repeated(3, run(), async () =>
    Promise.resolve((round += 1) === 2 ? { ...outcome, breaches: ['one was left'] } : outcome),
  )
  expect(found).toMatchObject({ cases: 9, breaches: ['one was left'] })
  expect(found.notes[0]).toBe('3 of 3 rounds')
})

test('no round begins that would not end in time, and the report says how many did', async () => {
  const left: number[] = []
  const found = await repeated(100, run({ durationMs: 200 }), async ({ durationMs }) => {
    left.push(durationMs)
    return await new Promise((resolve) => setTimeout(() => resolve(outcome), 120))
  })
  expect(left).toHaveLength(1)
  expect(found.notes[0]).toBe('1 of 100 rounds')
})

test('an interruption begins no further one', async () => {
  const interrupted = new AbortController()
  const found = await repeated(5, run({ signal: interrupted.signal }), async () => {
    interrupted.abort()
    return Promise.resolve(outcome)
  })
  expect(found.notes[0]).toBe('1 of 5 rounds')
})

test('rounds that somebody named and that were not reached are missed; the usual number is only a wish', async () => {
  const slow = async () => await new Promise<ProofOutcome>((resolve) => setTimeout(() => resolve(outcome), 120))
  const named = await repeated(100, run({ durationMs: 200, rounds: 100 }), slow)
  expect(named.missed).toBe('1 of 100 rounds were reached in the time')
  expect((await repeated(100, run({ durationMs: 200 }), slow)).missed).toBeNull()
})

test('what a round itself did not reach is missed', async () => {
  const round = async () => await Promise.resolve({ ...outcome, missed: '4 of 9 cases were reached in the time' })
  expect((await repeated(1, run(), round)).missed).toBe('4 of 9 cases were reached in the time')
})
