import { describe, expect, test } from 'vitest'
import { extentOf, findDrift, isCertain, mostAtOnce, planActions } from '../../domain/reconciliation.ts'
import type { Drift, JudgedDrift, Known, Listed, Survey } from '../../domain/reconciliation.ts'

const known = (over: Partial<Known> = {}): Known => ({
  sessionId: 's1',
  state: 'ready',
  generation: 1,
  instanceMadeAt: 100,
  instanceBegun: true,
  held: [1],
  unconfirmed: [],
  seenByWorkflow: true,
  workflow: 'running',
  ...over,
})
const listed = (sessionId = 's1', generation = 1): Listed => ({
  name: `carrel-${sessionId}-${generation}`,
  sessionId,
  generation,
})
const survey = (over: Partial<Survey> = {}): Survey => ({
  listedAt: 1_000,
  listed: [listed()],
  known: [known()],
  unknownWorkflows: [],
  queueNotServed: false,
  ...over,
})
const kinds = (over: Partial<Survey>) => findDrift(survey(over)).map(({ kind, subject }) => `${kind} ${subject}`)
const ended = known({ state: 'stopped', instanceMadeAt: null, held: [], workflow: 'none' })

describe('what differs', () => {
  test.each<[string, Partial<Survey>, string[]]>([
    ['nothing, in order', {}, []],
    ['an instance of an ended session', { known: [ended] }, ['orphan_instance carrel-s1-1']],
    [
      'an instance of a generation that has passed',
      { known: [known({ generation: 2, instanceMadeAt: null, held: [2] })] },
      ['orphan_instance carrel-s1-1'],
    ],
    [
      'an instance of a session that is just ending: its own run removes it',
      { known: [known({ state: 'stopping', instanceMadeAt: null })] },
      [],
    ],
    ['an instance that no row knows of', { known: [] }, ['unknown_instance carrel-s1-1']],
    [
      'an instance of a generation that is yet to come',
      { listed: [listed(), listed('s1', 2)] },
      ['unknown_instance carrel-s1-2'],
    ],
    [
      'an instance of a session that waits for one, and whose rows know of none: they are older than it',
      { known: [known({ state: 'queued', instanceMadeAt: null, instanceBegun: false })] },
      ['unknown_instance carrel-s1-1'],
    ],
    ['an instance that is missing', { listed: [] }, ['instance_missing s1']],
    ['an instance made while the list was on its way', { listed: [], known: [known({ instanceMadeAt: 1_000 })] }, []],
    [
      'an instance that is not made yet',
      { listed: [], known: [known({ state: 'provisioning', instanceMadeAt: null })] },
      [],
    ],
    [
      'a reservation of an ended session',
      { listed: [], known: [{ ...ended, held: [1] }] },
      ['reservation_without_session s1'],
    ],
    [
      'a removal that was given up',
      { listed: [], known: [{ ...ended, unconfirmed: [1] }] },
      ['unconfirmed_removal s1'],
    ],
    [
      'one that is seen again is an orphan',
      { known: [{ ...ended, unconfirmed: [1] }] },
      ['orphan_instance carrel-s1-1'],
    ],
    ['a session that nobody looks after', { known: [known({ workflow: 'none' })] }, ['session_without_workflow s1']],
    ['one of which nobody knows', { known: [known({ workflow: 'unknown' })] }, []],
    [
      'one that was never delivered: the starter still has it',
      { known: [known({ workflow: 'none', seenByWorkflow: false })] },
      [],
    ],
    [
      'a run of an ended session',
      { listed: [], known: [{ ...ended, workflow: 'running' }] },
      ['workflow_without_session s1'],
    ],
    ['a run that no row knows of', { unknownWorkflows: ['s9'] }, ['unknown_workflow s9']],
    ['a queue that waits for nothing', { queueNotServed: true }, ['queue_not_served ']],
  ])('%s', (_, over, expected) => expect(kinds(over)).toEqual(expected))
})

test('a drift is certain when two surveys saw it, a grace period apart; a queue at once', () => {
  const [orphan] = findDrift(survey({ known: [ended] })) as [Drift]
  expect(isCertain(orphan, { seen: 1, sinceMs: 9_999 }, 1_000)).toBe(false)
  expect(isCertain(orphan, { seen: 2, sinceMs: 999 }, 1_000)).toBe(false)
  expect(isCertain(orphan, { seen: 2, sinceMs: 1_000 }, 1_000)).toBe(true)
  expect(isCertain({ ...orphan, kind: 'queue_not_served' }, { seen: 1, sinceMs: 0 }, 1_000)).toBe(true)
})

describe('what is done', () => {
  const orphans = (count: number, certain = true): JudgedDrift[] =>
    Array.from({ length: count }, (_, n) => ({
      kind: 'orphan_instance',
      subject: `carrel-s${n}-1`,
      sessionId: `s${n}`,
      generation: 1,
      certain,
    }))
  const lost = (count: number, certain = true): JudgedDrift[] =>
    orphans(count, certain).map((drift) => ({ ...drift, kind: 'session_without_workflow', subject: drift.sessionId }))
  const of = (count: number, live = 10) => ({ listed: count, live })
  const rules = { mostActions: 50, allowance: 0, removeNames: [], installationArmed: true, sweepArmed: true }

  test('nothing about what is not certain, and nothing while disarmed', () => {
    expect(planActions(orphans(3, false), of(10), rules)).toEqual({ actions: [], withheld: null })
    expect(planActions(orphans(3), of(10), { ...rules, installationArmed: false })).toEqual({
      actions: [],
      withheld: null,
    })
  })

  test('up to five removals, or a fifth of what was listed; beyond, none, until they are granted', () => {
    expect([mostAtOnce(0), mostAtOnce(25), mostAtOnce(100)]).toEqual([5, 5, 20])
    expect(planActions(orphans(5), of(10), rules).actions).toHaveLength(5)
    expect(planActions(orphans(6), of(10), rules)).toEqual({ actions: [], withheld: 6 })
    expect(planActions(orphans(6), of(30), rules).actions).toHaveLength(6)
    expect(planActions(orphans(6), of(10), { ...rules, allowance: 6 }).actions).toHaveLength(6)
  })

  test('what is withheld are removals alone; a run does only so much', () => {
    const release: JudgedDrift = { ...orphans(1)[0]!, kind: 'reservation_without_session' }
    expect(planActions([...orphans(6), release], of(10), rules)).toEqual({
      actions: [{ do: 'releaseReservation', sessionId: 's0', generation: 1 }],
      withheld: 6,
    })
    expect(planActions(orphans(100), of(1_000), rules).actions).toHaveLength(50)
  })

  test('a sweep that waits for an operator does all but remove instances and end sessions', () => {
    const release: JudgedDrift = { ...orphans(1)[0]!, kind: 'reservation_without_session' }
    const waiting = { ...rules, sweepArmed: false }
    expect(planActions([...orphans(1), ...lost(2), release], of(10), waiting)).toEqual({
      actions: [{ do: 'releaseReservation', sessionId: 's0', generation: 1 }],
      withheld: 3,
    })
    expect(planActions([release], of(10), waiting).withheld).toBeNull()
  })

  test('up to five sessions that nobody looks after are ended, or a fifth of those that live; beyond, none', () => {
    expect(planActions(lost(5), of(0, 5), rules).actions).toHaveLength(5)
    expect(planActions(lost(6), of(100, 29), rules)).toEqual({ actions: [], withheld: 6 })
    expect(planActions(lost(6), of(0, 30), rules).actions).toHaveLength(6)
    expect(planActions(lost(6), of(0, 6), { ...rules, allowance: 6 }).actions).toHaveLength(6)
  })

  test('those that were found once count: a Temporal that answers slowly shows a few of many twice', () => {
    expect(planActions([...lost(1), ...lost(6, false)], of(0, 10), rules)).toEqual({ actions: [], withheld: 7 })
    expect(planActions(lost(6, false), of(0, 10), rules)).toEqual({ actions: [], withheld: null })
    const sessions = [known(), known({ workflow: 'unknown' }), known({ state: 'stopped' })]
    expect(extentOf(survey({ known: sessions }))).toEqual({ listed: 1, live: 1 })
  })

  test('a name removes only what no row knows of', () => {
    const unknown: JudgedDrift = { ...orphans(1, false)[0]!, kind: 'unknown_instance' }
    const removeNames = ['carrel-s0-1', 'carrel-s7-1']
    expect(planActions([unknown], of(1), { ...rules, removeNames }).actions).toEqual([
      { do: 'removeUnknown', name: 'carrel-s0-1', sessionId: 's0', generation: 1 },
    ])
    expect(planActions([{ ...unknown, kind: 'orphan_instance' }], of(1), { ...rules, removeNames }).actions).toEqual([])
  })
})
