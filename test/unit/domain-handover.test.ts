import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  handoverFailCodes,
  handoverStatuses,
  handoverWords,
  meaningOf,
  takeVerdict,
  wordVerdict,
} from '../../domain/handover.ts'
import type { HandoverFacts } from '../../domain/handover.ts'

const facts = (over: Partial<HandoverFacts> = {}): HandoverFacts => ({
  status: 'wanted',
  isLate: false,
  isUnwanted: false,
  isGone: false,
  isSealed: true,
  ...over,
})
const anyFacts: fc.Arbitrary<HandoverFacts> = fc.record({
  status: fc.constantFrom(...handoverStatuses),
  isLate: fc.boolean(),
  isUnwanted: fc.boolean(),
  isGone: fc.boolean(),
  isSealed: fc.boolean(),
})
const word = fc.constantFrom(...handoverWords)

describe('a take', () => {
  test.each([
    [{}, false, 'taken'],
    [{ isLate: true }, false, 'over'],
    [{ isUnwanted: true }, false, 'over'],
    [{ status: 'taken' }, true, 'again'],
    // In time or late is only asked of what nobody has.
    [{ status: 'taken', isLate: true }, true, 'again'],
    [{ status: 'taken' }, false, 'others'],
    [{ status: 'taken', isSealed: false }, true, 'shown'],
    [{ status: 'running', isSealed: false }, true, 'shown'],
    [{ status: 'running', isSealed: false }, false, 'others'],
    [{ status: 'taken', isUnwanted: true }, true, 'over'],
    [{ status: 'ended', isGone: true }, true, 'over'],
  ] as const)('of %j by the same claim (%s): %s', (over, isSame, verdict) => {
    expect(takeVerdict(facts(over), isSame)).toBe(verdict)
  })

  test('gives to a claim that is not the first nothing at all once it is taken', () => {
    fc.assert(
      fc.property(anyFacts, (known) => {
        fc.pre(known.status !== 'wanted')
        expect(['others', 'over']).toContain(takeVerdict(known, false))
      }),
    )
  })
})

describe('what is said', () => {
  test('follows what was said before, and nothing is taken back', () => {
    const table = handoverStatuses.map((status) => [
      status,
      ...handoverWords.map((said) => wordVerdict(facts({ status }), said)),
    ])
    expect(table).toEqual([
      ['wanted', 'early', 'early', 'early', 'early', 'early'],
      ['taken', 'noted', 'noted', 'noted', 'noted', 'noted'],
      ['running', 'late', 'said', 'noted', 'noted', 'noted'],
      ['failed', 'late', 'late', 'said', 'late', 'noted'],
      ['ended', 'late', 'late', 'late', 'said', 'noted'],
    ])
  })

  test('of what is to go is heard as far as it ends, and only then', () => {
    fc.assert(
      fc.property(anyFacts, word, (known, said) => {
        fc.pre(known.isUnwanted && known.status !== 'wanted')
        const verdict = wordVerdict(known, said)
        if (said === 'preparing' || said === 'running') expect(['over', 'said']).toContain(verdict)
        else expect(['noted', 'said', 'late']).toContain(verdict)
        if (said === 'gone') expect(verdict).not.toBe('late')
      }),
    )
  })

  test('of what is gone changes nothing any more', () => {
    fc.assert(
      fc.property(anyFacts, word, (known, said) => {
        fc.pre(known.isGone && known.status !== 'wanted')
        expect(wordVerdict(known, said)).not.toBe('noted')
      }),
    )
  })
})

describe('what it means', () => {
  const plain = { isLate: false, isGone: false }
  const silent = { words: null, code: null }

  test.each([
    [{ status: 'wanted' }, silent, { kind: 'pending', reason: 'nobody has taken it yet' }],
    [{ status: 'wanted', isLate: true }, silent, { kind: 'exited', reason: 'start_timeout' }],
    [{ status: 'taken' }, silent, { kind: 'pending', reason: 'it is being prepared' }],
    [
      { status: 'taken', isLate: true },
      { ...silent, words: 'Cloning' },
      { kind: 'pending', reason: 'Cloning' },
    ],
    [{ status: 'taken', isGone: true }, silent, { kind: 'absent' }],
    [{ status: 'running' }, silent, { kind: 'running' }],
    [{ status: 'running', isGone: true }, silent, { kind: 'absent' }],
    [{ status: 'ended' }, silent, { kind: 'exited', reason: 'exited' }],
    [{ status: 'ended', isGone: true }, silent, { kind: 'exited', reason: 'exited' }],
  ] as const)('%j, beside %j: %j', (over, said, meaning) => {
    expect(meaningOf({ ...plain, ...over }, said)).toEqual(meaning)
  })

  test.each(handoverFailCodes)('a failure %s is the reason of the end, whether or not something is left', (code) => {
    for (const isGone of [false, true])
      expect(meaningOf({ ...plain, status: 'failed', isGone }, { words: null, code })).toEqual({
        kind: 'exited',
        reason: code,
      })
  })

  test('only what its provisioner calls gone, and nothing else, is absent', () => {
    fc.assert(
      fc.property(anyFacts, (known) => {
        if (meaningOf(known, silent).kind === 'absent') expect(known.isGone).toBe(true)
      }),
    )
  })
})
