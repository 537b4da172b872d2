import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { admit } from '../../domain/admission.ts'
import { isEnd, sessionStates } from '../../domain/lifecycle.ts'
import { isSuspicious } from '../../domain/observation.ts'
import { actionsOf, judgePause, pauseWishes } from '../../domain/pausing.ts'
import type { PauseFacts } from '../../domain/pausing.ts'
import { findDrift } from '../../domain/reconciliation.ts'
import type { Known } from '../../domain/reconciliation.ts'
import { add, atRest, exceeding, nothing, resourceNames, sum, unlimited } from '../../domain/resources.ts'
import type { Resources } from '../../domain/resources.ts'

const facts: PauseFacts = { state: 'ready', stopRequested: false, wish: null, pausable: true }
const anyFacts = fc.record({
  state: fc.constantFrom(...sessionStates),
  stopRequested: fc.boolean(),
  wish: fc.constantFrom(null, ...pauseWishes),
  pausable: fc.boolean(),
})

describe('what becomes of an asking', () => {
  test.each<['pause' | 'resume', Partial<PauseFacts>, ReturnType<typeof judgePause>]>([
    ['pause', {}, 'record'],
    ['pause', { pausable: false }, 'unsupported'],
    ['pause', { wish: 'pause' }, 'already'],
    ['pause', { state: 'pausing', wish: 'pause' }, 'already'],
    ['pause', { state: 'paused' }, 'already'],
    ['pause', { state: 'paused', wish: 'resume' }, 'not_ready'],
    ['pause', { state: 'queued', wish: 'resume' }, 'not_ready'],
    ['pause', { state: 'provisioning' }, 'not_ready'],
    ['pause', { stopRequested: true }, 'ended'],
    ['resume', { state: 'paused' }, 'record'],
    ['resume', { state: 'paused', pausable: false }, 'record'],
    ['resume', { state: 'paused', wish: 'resume' }, 'already'],
    ['resume', { state: 'queued', wish: 'resume' }, 'already'],
    ['resume', { state: 'resuming', wish: 'resume' }, 'already'],
    ['resume', {}, 'already'],
    ['resume', { wish: 'pause' }, 'not_paused'],
    ['resume', { state: 'pausing', wish: 'pause' }, 'not_paused'],
    ['resume', { state: 'queued' }, 'not_paused'],
    ['resume', { state: 'stopping' }, 'ended'],
    ['resume', { state: 'failed' }, 'ended'],
  ])('%s of %o: %s', (wish, over, expected) => expect(judgePause(wish, { ...facts, ...over })).toBe(expected))

  test('nothing is recorded beside another wish, or of what ends; and what may be asked is what would be recorded', () => {
    fc.assert(
      fc.property(anyFacts, (some) => {
        const recorded = pauseWishes.filter((wish) => judgePause(wish, some) === 'record')
        expect(recorded.length).toBeLessThanOrEqual(1)
        if (some.wish !== null || some.stopRequested || isEnd(some.state)) expect(recorded).toEqual([])
        expect(actionsOf(some).filter((action) => action !== 'stop')).toEqual(recorded)
        expect(actionsOf(some).includes('stop')).toBe(
          !some.stopRequested && !isEnd(some.state) && some.state !== 'stopping',
        )
      }),
    )
  })
})

const amount = fc.integer({ min: 0, max: 8 })
const vector: fc.Arbitrary<Resources> = fc.record({
  sessions: fc.constant(1),
  cpuMilli: amount,
  memoryMib: amount,
  diskMib: amount,
  gpus: amount,
})
const limit = fc.integer({ min: 0, max: 12 })
const limits = fc.record({ sessions: limit, cpuMilli: limit, memoryMib: limit, diskMib: limit, gpus: limit })

test('however sessions start, rest, go on and end, never more is held than a limit allows', () => {
  const step = fc.record({ session: fc.nat({ max: 5 }), does: fc.constantFrom('start', 'pause', 'resume', 'end') })
  fc.assert(
    fc.property(limits, fc.array(vector, { minLength: 6, maxLength: 6 }), fc.array(step), (most, asks, steps) => {
      const held = new Map<number, Resources>()
      const payer = { kind: 'account', id: 'a' } as const
      for (const { session, does } of steps) {
        const ask = asks[session] ?? nothing
        const has = held.get(session)
        const others = sum([...held].flatMap(([id, vectorOf]) => (id === session ? [] : [vectorOf])))
        const decided = admit([{ payer, limits: { ...unlimited, ...most }, held: others }], ask)
        const isAdmitted = decided.kind === 'admitted'
        if (does === 'start' && has === undefined && isAdmitted) held.set(session, ask)
        if (does === 'resume' && has !== undefined && isAdmitted) held.set(session, ask)
        if (does === 'pause' && has !== undefined) held.set(session, atRest(ask))
        if (does === 'end') held.delete(session)
        expect(exceeding(most, sum([...held.values()]))).toEqual([])
      }
    }),
  )
})

test('at rest a session holds a part of what it holds as it runs, and what it lacks makes it whole', () => {
  fc.assert(
    fc.property(vector, (runs) => {
      const rests = atRest(runs)
      const rest = Object.fromEntries(resourceNames.map((name) => [name, runs[name] - rests[name]]))
      for (const name of resourceNames) expect(rests[name]).toBeLessThanOrEqual(runs[name])
      expect(add(rests, { ...nothing, ...rest })).toEqual(runs)
    }),
  )
})

test('each state is surprised by what it should not be', () => {
  const surprising = (state: Parameters<typeof isSuspicious>[0]) =>
    (['pending', 'running', 'paused', 'exited', 'absent'] as const).filter((seen) => isSuspicious(state, seen))
  expect(surprising('ready')).toEqual(['pending', 'paused', 'exited', 'absent'])
  expect(surprising('pausing')).toEqual(['exited', 'absent'])
  expect(surprising('paused')).toEqual(['running', 'exited', 'absent'])
  expect(surprising('resuming')).toEqual(['exited', 'absent'])
})

test('what the next generation takes over is no orphan, until it has', () => {
  const known: Known = {
    sessionId: 's1',
    state: 'resuming',
    generation: 2,
    instanceMadeAt: null,
    instanceBegun: true,
    held: [2],
    unconfirmed: [],
    continued: [1],
    seenByWorkflow: true,
    workflow: 'running',
  }
  const survey = {
    listedAt: 1,
    listed: [{ name: 'carrel-s1-1', sessionId: 's1', generation: 1 }],
    unknownWorkflows: [],
    queueNotServed: false,
  }
  expect(findDrift({ ...survey, known: [known] })).toEqual([])
  const orphan = { kind: 'orphan_instance', subject: 'carrel-s1-1', sessionId: 's1', generation: 1 }
  expect(findDrift({ ...survey, known: [{ ...known, continued: [], unconfirmed: [1] }] })).toContainEqual(orphan)
  expect(findDrift({ ...survey, known: [{ ...known, state: 'failed' }] })).toContainEqual(orphan)
})
