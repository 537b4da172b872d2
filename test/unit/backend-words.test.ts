import { expect, test } from 'vitest'
import { newWords } from '../../domain/backend-words.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { InstanceState, ObservedInstance } from '../../ports/compute/provider.ts'
import { tellingOfStates } from '../../ports/compute/told-states.ts'

const nothing = { pendingReason: null, expectedAt: null, endsAt: null }
const now = Date.UTC(2026, 10, 22, 12)

test('what a backend says of the future is kept where it is new', () => {
  const waits = newWords(nothing, { kind: 'pending', reason: 'Priority', expectedAt: now })
  expect(waits).toEqual({ pendingReason: 'Priority', expectedAt: now, endsAt: null })
  expect(newWords(waits ?? nothing, { kind: 'pending', reason: 'Priority', expectedAt: now + 4_000 })).toBeNull()
  expect(
    newWords(waits ?? nothing, { kind: 'pending', reason: 'Priority', expectedAt: now + 60_000 })?.expectedAt,
  ).toBe(now + 60_000)
  const runs = newWords(waits ?? nothing, { kind: 'running', endsAt: now + 3_600_000 })
  expect(runs).toEqual({ pendingReason: null, expectedAt: null, endsAt: now + 3_600_000 })
  expect(newWords(runs ?? nothing, { kind: 'running', endsAt: now + 3_600_999 })).toBeNull()
  expect(newWords(runs ?? nothing, { kind: 'running', endsAt: now + 3_602_000 })?.endsAt).toBe(now + 3_602_000)
  expect(newWords(runs ?? nothing, { kind: 'running' })).toEqual(nothing)
})

test('what is neither waiting nor running changes nothing of it', () => {
  const known = { pendingReason: 'Priority', expectedAt: now, endsAt: null }
  for (const kind of ['paused', 'exited', 'absent', 'unknown']) expect(newWords(known, { kind })).toBeNull()
})

test('a state that a driver does not name is told, wherever it is come across, and nothing else is', async () => {
  const told: string[] = []
  const unnamed: InstanceState = { kind: 'unknown', why: 'a state without a name', unnamed: 'RESIZE_REVERT' }
  const states: InstanceState[] = [unnamed, { kind: 'unknown', why: 'timeout' }, { kind: 'running', endpoints: [] }]
  const fake = createFakeProvider()
  const ref = { name: 'n', deploymentId: 'd' }
  const call = { signal: new AbortController().signal }
  const provider = tellingOfStates(
    {
      ...fake,
      inspect: async () => unnamed,
      pause: async () => unnamed,
      resume: async () => ({ kind: 'paused' }),
      async *list() {
        for (const state of states) yield { ref, sessionId: 's' as never, generation: 1, state }
      },
    },
    (state) => told.push(state),
  )
  expect(await provider.inspect(ref, call)).toEqual(unnamed)
  expect(await provider.pause?.(ref, call)).toEqual(unnamed)
  expect(await provider.resume?.(ref, call)).toEqual({ kind: 'paused' })
  const listed: ObservedInstance[] = []
  for await (const instance of provider.list('d', call)) listed.push(instance)
  expect(listed.map(({ state }) => state)).toEqual(states)
  expect(told).toEqual(['RESIZE_REVERT', 'RESIZE_REVERT', 'RESIZE_REVERT'])
  expect(Object.keys(provider).toSorted()).toEqual(Object.keys(fake).toSorted())
})
