import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  careQueue,
  idPattern,
  instanceName,
  newId,
  observeWorkflowId,
  sessionWorkflowId,
  startQueue,
  teardownWorkflowId,
} from '../../domain/ids.ts'
import type { MintedKind, ProviderId, SessionId } from '../../domain/ids.ts'
import { isForeign, foreignMarker } from '../../domain/foreign.ts'

const kinds: readonly MintedKind[] = ['account', 'project', 'template', 'session', 'token', 'audit']
const kind = fc.constantFrom(...kinds)
// Nine digits of base 32 hold the milliseconds of a bit more than a thousand years.
const time = fc.integer({ min: 0, max: 32 ** 9 - 1 })

describe('ids', () => {
  test('are good as host name, label and job name', () => {
    fc.assert(
      fc.property(kind, time, (k, now) => {
        expect(newId(k, now)).toMatch(idPattern)
        expect(instanceName(newId('session', now), 1)).toMatch(/^[a-z0-9-]{1,63}$/)
      }),
    )
  })

  test('sort by the time of their making, as text', () => {
    fc.assert(
      fc.property(kind, time, time, (k, a, b) => {
        fc.pre(a !== b)
        expect(newId(k, a) < newId(k, b)).toBe(a < b)
      }),
    )
  })

  test('of one moment differ, and say their kind with the first letter', () => {
    const many = Array.from({ length: 5_000 }, () => newId('session', 1))
    expect(new Set(many).size).toBe(many.length)
    expect(new Set(kinds.map((k) => newId(k, 1).charAt(0))).size).toBe(kinds.length)
  })

  test('name workflows and queues so that no two things share one', () => {
    const session = newId('session') as SessionId
    const provider = 'docker' as ProviderId
    const names = [
      sessionWorkflowId(session),
      teardownWorkflowId(session),
      observeWorkflowId(provider),
      startQueue(provider),
      careQueue(provider),
      instanceName(session, 1),
      instanceName(session, 2),
    ]
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('the foreign marker', () => {
  test('is told from everything else', () => {
    expect(isForeign(foreignMarker)).toBe(true)
    expect(isForeign(JSON.parse(JSON.stringify(foreignMarker)))).toBe(true)
    fc.assert(fc.property(fc.jsonValue(), (value) => !isForeign(value)))
    for (const value of [undefined, null, { 'carrel.foreign': 'true' }, 'carrel.foreign'])
      expect(isForeign(value)).toBe(false)
  })
})
