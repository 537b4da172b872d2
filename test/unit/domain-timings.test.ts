import { describe, expect, test } from 'vitest'
import { defaultTimings, longestReconcileRunMs, withTimings } from '../../domain/timings.ts'

describe('timings', () => {
  test('the given ones replace the defaults, and the rest stays', () => {
    expect(withTimings({})).toEqual(defaultTimings)
    expect(withTimings({ heartbeatMs: 1 })).toEqual({ ...defaultTimings, heartbeatMs: 1 })
  })

  test('a name that is no timing is named in the error, inherited names too', () => {
    expect(() => withTimings({ heartbeatMs: 1, heartbeat: 1, toString: 2 })).toThrow(/heartbeat, toString/)
  })

  test('a reconciliation may run for as long as nobody takes it for dead, and no longer', () => {
    expect(withTimings({ reconcileRunMs: longestReconcileRunMs }).reconcileRunMs).toBe(longestReconcileRunMs)
    expect(() => withTimings({ reconcileRunMs: longestReconcileRunMs + 1 })).toThrow(/reconcileRunMs.*3600000/)
  })

  test('the defaults fit together: a step retries, and heartbeats, well inside its limit', () => {
    for (const ms of Object.values(defaultTimings)) expect(ms).toBeGreaterThan(0)
    expect(defaultTimings.databaseRetryMs).toBeLessThan(defaultTimings.databaseRetryMaxMs)
    expect(defaultTimings.providerRetryMs).toBeLessThan(defaultTimings.providerRetryMaxMs)
    expect(defaultTimings.breakerMs).toBeLessThan(defaultTimings.breakerMaxMs)
    expect(defaultTimings.heartbeatMs).toBeLessThan(defaultTimings.inspectTimeoutMs)
  })
})
