import { expect, test } from 'vitest'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

const retentionOf = (rule?: unknown) =>
  readConfig(['worker'], rule === undefined ? {} : { CARREL_RETENTION: JSON.stringify(rule) }).worker.retention

function faultsOf(rule: unknown): string[] {
  try {
    retentionOf(rule)
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.faults.map((fault) => `${fault.key} ${fault.expected}`)
    throw error
  }
  return []
}

test('what the rule does not name is as usual', () => {
  const usual = { eventDays: 90, parameterDays: 90, sessionDays: 365, auditDays: 365 }
  expect(retentionOf()).toEqual(usual)
  expect(retentionOf({})).toEqual(usual)
  expect(retentionOf({ auditDays: 3_650, eventDays: 7 })).toEqual({ ...usual, auditDays: 3_650, eventDays: 7 })
})

test('null is for ever', () => {
  expect(retentionOf({ sessionDays: null, eventDays: null })).toMatchObject({ sessionDays: null, eventDays: null })
})

test('a session is kept at least as long as what hangs on it', () => {
  expect(faultsOf({ sessionDays: 90 })).toEqual([])
  expect(faultsOf({ sessionDays: 30, eventDays: 30, parameterDays: 30 })).toEqual([])
  expect(faultsOf({ sessionDays: 89 })).toHaveLength(2)
  expect(faultsOf({ sessionDays: 89, eventDays: 7 })).toEqual([
    'CARREL_RETENTION.sessionDays must be at least parameterDays (90 unless it is set), or null: a session is kept as long as what hangs on it',
  ])
  expect(faultsOf({ eventDays: null })[0]).toContain('CARREL_RETENTION.sessionDays must be at least eventDays')
  expect(faultsOf({ eventDays: null, sessionDays: null })).toEqual([])
})

test('days are whole, from one, and their names are known', () => {
  for (const wrong of [{ eventDays: 0 }, { eventDays: 1.5 }, { eventDays: '90' }, { eventDays: 36_501 }])
    expect(faultsOf(wrong)[0], JSON.stringify(wrong)).toMatch(/^CARREL_RETENTION\.eventDays /)
  expect(faultsOf({ eventdays: 90 })).toHaveLength(1)
  expect(faultsOf('90')).toHaveLength(1)
})
