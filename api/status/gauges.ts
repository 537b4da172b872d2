import { readFigures } from '../../db/figures.ts'
import type { OutsideFigures, ProviderFigures } from '../../db/figures.ts'
import type { Db } from '../../db/connect.ts'
import { liveStates } from '../../domain/lifecycle.ts'
import { outsideDriftKinds } from '../../domain/outside-sweep.ts'
import { driftKinds } from '../../domain/reconciliation.ts'
import type { Metrics } from '../../platform/metrics.ts'

/** A gauge that stands on rows: told as they are at a scrape, or not at all. */
interface OnRows {
  reset(): void
  remove(labels: Record<string, never>): void
}

/**
 * The gauges that alarms stand on, filled from rows at each scrape: every api process tells the same. Where the rows
 * cannot be read this throws, and nothing of them is told: what was so once is not what is.
 */
export function createGauges(metrics: Metrics): (db: Db) => Promise<void> {
  const all: OnRows[] = []
  const onRows = <G extends OnRows>(gauge: G): G => {
    all.push(gauge)
    return gauge
  }
  // One without labels is reset to 0, which would tell something.
  const forget = () => {
    for (const gauge of all) {
      gauge.reset()
      gauge.remove({})
    }
  }
  const sessions = onRows(metrics.gauge('sessions', 'Sessions that have not ended, by state', ['state']))
  const oldest = onRows(
    metrics.gauge('oldest_in_state_seconds', 'For how long the oldest session has been in the state', ['state']),
  )
  const decision = onRows(metrics.gauge('decision_overdue', 'Sessions that nobody decided on for more than 10 s'))
  const cleanup = onRows(metrics.gauge('cleanup_overdue', 'Sessions whose cleaning takes longer than its limit'))
  const expiry = onRows(metrics.gauge('expiry_overdue', 'Sessions in use more than 60 s after their time'))
  const undelivered = onRows(
    metrics.gauge('undelivered', 'Sessions whose workflow could not be told of a wish at the first try'),
  )
  const maintenance = onRows(
    metrics.gauge('maintenance', '1: no session is admitted until an operator ends the maintenance'),
  )
  const disarmed = onRows(metrics.gauge('installation_disarmed', '1: nothing is carried out until an operator arms it'))
  const delayed = onRows(
    metrics.gauge('mails_delayed', 'Mails about invitations that were tried in vain, and are tried again'),
  )
  const oldestMail = onRows(
    metrics.gauge('mail_oldest_seconds', 'For how long the oldest mail that is to go out has waited'),
  )
  const fillProvider = createProviderGauges(metrics, onRows)
  const fillOutside = createOutsideGauges(metrics, onRows)
  return async (db) => {
    const figures = await readFigures(db).catch((error: unknown) => {
      forget()
      throw error
    })
    // Nothing waits from here on: a scrape beside this one sees all of it or nothing.
    forget()
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
    delayed.set(figures.mails.delayed)
    oldestMail.set(figures.mails.oldestSeconds)
    for (const provider of figures.providers) fillProvider(provider)
    if (figures.outside !== null) fillOutside(figures.outside)
  }
}

/** Those of one provider. What was never looked at has no age. */
function createProviderGauges(
  metrics: Metrics,
  onRows: <G extends OnRows>(gauge: G) => G,
): (figures: ProviderFigures) => void {
  const breaker = onRows(
    metrics.gauge('provider_breaker_open', '1: nobody begins at the provider until it answers', ['provider']),
  )
  const listAge = onRows(
    metrics.gauge('provider_list_age_seconds', 'Since the last whole list of the provider', ['provider']),
  )
  const disarmed = onRows(
    metrics.gauge('sweep_disarmed', '1: the sweep of the provider removes and ends nothing until it is armed', [
      'provider',
    ]),
  )
  const sweepAge = onRows(
    metrics.gauge('sweep_age_seconds', 'Since the last survey of the whole provider', ['provider']),
  )
  const drift = onRows(
    metrics.gauge('drift', 'What differs between provider, rows and workflows', ['provider', 'kind']),
  )
  return (figures) => {
    const { provider, listAgeSeconds, sweepAgeSeconds } = figures
    breaker.set({ provider }, figures.breakerOpen ? 1 : 0)
    if (listAgeSeconds !== null) listAge.set({ provider }, listAgeSeconds)
    disarmed.set({ provider }, figures.sweepDisarmed ? 1 : 0)
    if (sweepAgeSeconds !== null) sweepAge.set({ provider }, sweepAgeSeconds)
    for (const kind of driftKinds) drift.set({ provider, kind }, figures.drift[kind] ?? 0)
  }
}

/** Those of a gateway outside that shows desktops. */
function createOutsideGauges(
  metrics: Metrics,
  onRows: <G extends OnRows>(gauge: G) => G,
): (figures: OutsideFigures) => void {
  const listAge = onRows(metrics.gauge('outside_list_age_seconds', 'Since the gateway outside was listed to its end'))
  const drift = onRows(
    metrics.gauge('outside_drift', 'What is at the gateway outside and belongs to no live session', ['kind']),
  )
  return ({ listAgeSeconds, drift: found }) => {
    listAge.set(listAgeSeconds)
    for (const kind of outsideDriftKinds) drift.set({ kind }, found[kind] ?? 0)
  }
}
