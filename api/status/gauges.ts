import { readFigures } from '../../db/figures.ts'
import type { Db } from '../../db/connect.ts'
import { liveStates } from '../../domain/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'

/** The gauges that alarms stand on, filled from rows at each scrape: every api process tells the same. */
export function createGauges(metrics: Metrics): (db: Db) => Promise<void> {
  const sessions = metrics.gauge('sessions', 'Sessions that have not ended, by state', ['state'])
  const decision = metrics.gauge('decision_overdue', 'Sessions that nobody decided on for more than 10 s')
  const cleanup = metrics.gauge('cleanup_overdue', 'Sessions whose cleaning takes longer than its limit')
  const undelivered = metrics.gauge(
    'undelivered',
    'Sessions whose workflow could not be told of a wish at the first try',
  )
  const breaker = metrics.gauge('provider_breaker_open', '1: nobody begins at the provider until it answers', [
    'provider',
  ])
  const age = metrics.gauge('provider_list_age_seconds', 'Since the last whole list of the provider', ['provider'])
  return async (db) => {
    const figures = await readFigures(db)
    for (const state of liveStates) sessions.set({ state }, 0)
    for (const row of figures.sessionsByState) sessions.set({ state: row.state }, row.sessions)
    decision.set(figures.decisionOverdue)
    cleanup.set(figures.cleanupOverdue)
    undelivered.set(figures.undelivered)
    for (const { provider, seconds } of figures.listAgeSeconds) {
      age.set({ provider }, seconds)
      breaker.set({ provider }, figures.openBreakers.includes(provider) ? 1 : 0)
    }
  }
}
