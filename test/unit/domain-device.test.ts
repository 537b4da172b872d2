import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { Script } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pageScript } from '../../api/device-authorizations/page-script.ts'
import {
  codeLetters,
  deviceScopes,
  grantedScopes,
  newUserCode,
  pollVerdict,
  readUserCode,
} from '../../domain/device.ts'
import type { PollFacts } from '../../domain/device.ts'
import { exchangedUntil, exchangeScopes, readScopes } from '../../domain/exchange.ts'

describe('a code that people type', () => {
  test('is read as it was made, however it is typed', () => {
    const code = newUserCode(randomBytes)
    expect(code).toMatch(/^[B-Z]{4}-[B-Z]{4}$/)
    for (const typed of [code, code.toLowerCase(), code.replace('-', ''), ` ${code.replace('-', ' ')} `])
      expect(readUserCode(typed)).toBe(code)
  })

  test.each(['', 'BCDF', 'BCDF-GHJKL', 'AEIO-UAEI', 'BCDF-GHJ1', '%00'])('%j is none', (typed) => {
    expect(readUserCode(typed)).toBeNull()
  })

  test('has no letter more often than others: bytes beyond the last whole round are left out', () => {
    const all = Array.from({ length: 256 }, (_, i) => i)
    const count = new Map<string, number>()
    let at = 0
    const next = () => Buffer.from(Array.from({ length: 8 }, () => all[at++ % 256] ?? 0))
    // 240 of 256 bytes are used: after 8 rounds of 256, 240 codes of 8 letters.
    for (let i = 0; i < 240; i++)
      for (const letter of newUserCode(next).replace('-', '')) count.set(letter, (count.get(letter) ?? 0) + 1)
    expect([...count.keys()].sort().join('')).toBe(codeLetters)
    const counts = [...count.values()]
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(8)
  })
})

describe('what a program is told that asks what came of it', () => {
  const waiting: PollFacts = { state: 'pending', isExpired: false, secondsSincePoll: null, intervalSeconds: 5 }
  const cases: readonly (readonly [Partial<PollFacts>, ReturnType<typeof pollVerdict>])[] = [
    [{}, 'authorization_pending'],
    [{ secondsSincePoll: 5 }, 'authorization_pending'],
    [{ secondsSincePoll: 1 }, 'slow_down'],
    [{ secondsSincePoll: 5, intervalSeconds: 10 }, 'slow_down'],
    [{ isExpired: true }, 'expired_token'],
    [{ state: 'approved' }, 'fetch'],
    [{ state: 'approved', secondsSincePoll: 1 }, 'fetch'],
    [{ state: 'approved', isExpired: true }, 'expired_token'],
    [{ state: 'denied' }, 'access_denied'],
    [{ state: 'taken' }, 'invalid_grant'],
    [{ state: 'taken', isExpired: true }, 'invalid_grant'],
  ]
  test.each(cases)('%j: %s', (facts, verdict) => {
    expect(pollVerdict({ ...waiting, ...facts })).toBe(verdict)
  })
})

test('what is given is never more than was asked, than was named, and than may be given', () => {
  const some = fc.subarray([...deviceScopes])
  fc.assert(
    fc.property(some, fc.option(some), some, (asked, named, may) => {
      const given = grantedScopes(asked, named, (scope) => may.includes(scope))
      for (const scope of given) {
        expect(asked).toContain(scope)
        expect(may).toContain(scope)
        if (named !== null) expect(named).toContain(scope)
        else expect(['tokens', 'admin']).not.toContain(scope)
      }
    }),
  )
})

test('an exchanged token holds a quarter of an hour, and not longer than what was shown', () => {
  const now = 1_000_000
  expect(exchangedUntil(now, now + 3_600_000, 30)).toBe(now + 900_000)
  expect(exchangedUntil(now, now + 60_000, 30)).toBe(now + 60_000)
  expect(exchangedUntil(now, now - 10_000, 30)).toBe(now + 20_000)
})

test('scopes are some of those that may be had, each once', () => {
  const read = (text?: string) => readScopes(text, exchangeScopes, ['read'])
  expect(read()).toEqual(['read'])
  expect(read('  ')).toEqual(['read'])
  expect(read('sessions read sessions')).toEqual(['read', 'sessions'])
  for (const text of ['admin', 'read admin', 'act-as', 'READ', 'read,sessions']) expect(read(text)).toBeNull()
})

test('the script of the page is one', () => {
  expect(() => new Script(pageScript)).not.toThrow()
  expect(pageScript).not.toMatch(/innerHTML|eval|document\.write/)
})
