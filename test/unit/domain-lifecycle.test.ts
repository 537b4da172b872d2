import { describe, expect, test } from 'vitest'
import { eventTypes } from '../../domain/events.ts'
import { errorCodes, refusalCodes } from '../../domain/errors.ts'
import {
  endOf,
  endStates,
  isEnd,
  lifecycle,
  liveStates,
  mayFollow,
  reasons,
  reasonSentences,
  sessionStates,
} from '../../domain/lifecycle.ts'
import type { Reason, SessionState } from '../../domain/lifecycle.ts'

const next = (state: SessionState): readonly SessionState[] => lifecycle[state].next

/** Every state that can be reached from `state` without passing through one of `avoiding`. */
function reachable(state: SessionState, avoiding: readonly SessionState[] = []): Set<SessionState> {
  const found = new Set<SessionState>()
  const look = (from: SessionState) => {
    for (const to of next(from)) {
      if (found.has(to) || avoiding.includes(to)) continue
      found.add(to)
      look(to)
    }
  }
  look(state)
  return found
}

describe('the lifecycle', () => {
  test('every state but the first can be reached, and from every live one an end can', () => {
    const all = reachable('requested')
    expect([...all].sort()).toEqual(sessionStates.filter((s) => s !== 'requested').sort())
    for (const state of liveStates) expect([...reachable(state)].some(isEnd)).toBe(true)
  })

  test('the ends are stopped, failed and rejected, and nothing follows them', () => {
    expect(endStates).toEqual(['stopped', 'failed', 'rejected'])
    for (const state of endStates) expect(next(state)).toEqual([])
    expect([...liveStates, ...endStates].sort()).toEqual([...sessionStates].sort())
  })

  test('every end but `rejected` goes through `stopping`, and `rejected` follows only `requested`', () => {
    for (const state of liveStates.filter((s) => s !== 'stopping')) {
      const ends = [...reachable(state, ['stopping'])].filter(isEnd)
      expect(ends).toEqual(state === 'requested' ? ['rejected'] : [])
    }
    expect(liveStates.filter((state) => mayFollow(state, 'rejected'))).toEqual(['requested'])
  })

  test('a stop is legal in every state, and `stopping` is left by an end alone', () => {
    for (const state of liveStates.filter((s) => s !== 'stopping')) expect(mayFollow(state, 'stopping')).toBe(true)
    expect(next('stopping').every(isEnd)).toBe(true)
  })

  test('every live state is bounded, and no state follows itself', () => {
    for (const state of liveStates) expect(lifecycle[state]).toHaveProperty('limit')
    for (const state of sessionStates) expect(mayFollow(state, state)).toBe(false)
  })

  test('every reason has its end and its sentence', () => {
    for (const reason of Object.keys(reasons) as Reason[]) {
      expect(isEnd(endOf(reason))).toBe(true)
      expect(reasonSentences[reason]).toMatch(/^[A-Z].*\.$/)
    }
    // Whoever asked for what a backend refuses for good is told what to do.
    for (const code of refusalCodes) expect(reasonSentences[code], code).toMatch(/\. (Ask|Choose|Try) .*\.$/)
    expect(refusalCodes.map(endOf)).toEqual(refusalCodes.map(() => 'failed'))
    expect(Object.keys(reasons).filter((reason) => reasons[reason as Reason] === 'rejected')).toEqual(['quota'])
  })
})

describe('the closed lists', () => {
  test('every code is a status of refusal or failure, and every event type is named by its subject', () => {
    for (const status of Object.values(errorCodes)) expect(status).toBeGreaterThanOrEqual(400)
    for (const type of eventTypes) expect(type).toMatch(/^[a-z]+\.[a-z_]+$/)
  })
})
