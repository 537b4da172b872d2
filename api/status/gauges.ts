import { readFigures } from '../../db/figures.ts'
import type { ProviderFigures } from '../../db/figures.ts'
import type { Db } from '../../db/connect.ts'
import { liveStates } from '../../domain/lifecycle.ts'
import { driftKinds } from '../../domain/reconciliation.ts'
import type { Metrics } from '../../platform/metrics.ts'

/** The gauges that alarms stand on, filled from rows at each scrape: every api process tells the same. */
export function createGauges(metrics: Metrics): (db: Db) => Promise<void> {
  const sessions = metrics.gauge('sessions', 'Sessions that have not ended, by state', ['state'])
  const oldest = metrics.gauge('oldest_in_state_seconds', 'For how long the oldest session has been in the state', [
    'state',
  ])
  const decision = metrics.gauge('decision_overdue', 'Sessions that nobody decided on for more than 10 s')
  const cleanup = metrics.gauge('cleanup_overdue', 'Sessions whose cleaning takes longer than its limit')
  const expiry = metrics.gauge('expiry_overdue', 'Sessions in use more than 60 s after their time')
  const undelivered = metrics.gauge(
    'undelivered',
    'Sessions whose workflow could not be told of a wish at the first try',
  )
  const maintenance = metrics.gauge('maintenance', '1: no session is admitted until an operator ends the maintenance')
  const disarmed = metrics.gauge('installation_disarmed', '1: nothing is carried out until an operator arms it')
  const fillProvider = createProviderGauges(metrics)
  return async (db) => {
    const figures = await readFigures(db)
    for (const state of liveStates) {
      const row = figures.states.find((s) => s.state === state)
      sessions.set({ state }, row?.sessions ?? 0)
      oldest.set({ state }, row?.oldestSeconds ?? 0)
    }
    decision.set(figures.decisionOverdue)
    cleanup.set(figures.cleanupOverdue)
    expiry.set(figures.expiryOverdue)
    undelivered.set(figures.undelivered)
    maintenance.set(figures.maintenance ? 1 : 0)
    disarmed.set(figures.disarmed ? 1 : 0)
    for (const provider of figures.providers) fillProvider(provider)
  }
}

/** Those of one provider. What is no longer looked at has no age that would mean anything. */
function createProviderGauges(metrics: Metrics): (figures: ProviderFigures) => void {
  const breaker = metrics.gauge('provider_breaker_open', '1: nobody begins at the provider until it answers', [
    'provider',
  ])
  const listAge = metrics.gauge('provider_list_age_seconds', 'Since the last whole list of the provider', ['provider'])
  const disarmed = metrics.gauge('sweep_disarmed', '1: the sweep of the provider removes nothing until it is armed', [
    'provider',
  ])
  const sweepAge = metrics.gauge('sweep_age_seconds', 'Since the last survey of the whole provider', ['provider'])
  const drift = metrics.gauge('drift', 'What differs between provider, rows and workflows', ['provider', 'kind'])
  const age = (gauge: typeof listAge, provider: string, seconds: number | null) => {
    if (seconds === null) gauge.remove({ provider })
    else gauge.set({ provider }, seconds)
  }
  return (figures) => {
    const { provider } = figures
    breaker.set({ provider }, figures.breakerOpen ? 1 : 0)
    age(listAge, provider, figures.disabled ? null : figures.listAgeSeconds)
    disarmed.set({ provider }, figures.sweepDisarmed ? 1 : 0)
    age(sweepAge, provider, figures.disabled ? null : figures.sweepAgeSeconds)
    for (const kind of driftKinds) drift.set({ provider, kind }, figures.drift[kind] ?? 0)
  }
}
