import { coreRole, providerRole } from '../../db/beats.ts'
import { ping } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { readMaintenance } from '../../db/maintenance.ts'
import type { Maintenance } from '../../db/maintenance.ts'
import { listProviders, readHealth } from '../../db/providers.ts'
import { readArmings, readBeats, readDependencies } from '../../db/status.ts'
import { ofArming, ofBeat, ofProvider, ofRow } from './dependencies.ts'
import type { Dependency } from './dependencies.ts'

export interface Status {
  readonly dependencies: readonly Dependency[]
  /** `null` also while nobody can tell. */
  readonly maintenance: Maintenance | null
}

/** Looks at the database itself, and reads what others have written about the rest. Answers also when it is down. */
export function createStatus(db: Db): () => Promise<Status> {
  let known: { readonly state: 'ok' | 'down'; readonly since: Date } | null = null
  const database = (state: 'ok' | 'down', latencyMs: number | null): Dependency => {
    const now = new Date()
    if (known?.state !== state) known = { state, since: now }
    return { name: 'database', state, latencyMs, since: known.since, checkedAt: now }
  }
  return async () => {
    const begun = Date.now()
    try {
      await ping(db)
      const latencyMs = Date.now() - begun
      const { maintenance } = await readMaintenance(db)
      return { dependencies: [database('ok', latencyMs), ...(await others(db))], maintenance }
    } catch {
      return { dependencies: [database('down', null)], maintenance: null }
    }
  }
}

async function others(db: Db): Promise<Dependency[]> {
  const providers = await listProviders(db)
  const inService = new Set<string>(providers.filter((p) => !p.disabled).map((p) => p.id))
  const retired = new Set(providers.filter((p) => p.disabled).map((p) => providerRole(p.id)))
  const now = new Date()
  const beats = await readBeats(db)
  const needed = [coreRole, ...[...inService].map(providerRole)]
  const unserved = needed.filter((role) => !beats.some((beat) => beat.role === role))
  const workers = [...beats, ...unserved.map((role) => ({ role, at: null }))]
    .toSorted((a, b) => (a.role < b.role ? -1 : 1))
    .map((beat) => ({ role: beat.role, worker: ofBeat(beat, now) }))
  const { installation, sweeps } = await readArmings(db)
  return [
    ...(await readDependencies(db)).map(ofRow),
    ...(await readHealth(db)).filter((health) => inService.has(health.providerId)).map(ofProvider),
    // Nobody serves a provider that was taken out of service and holds nothing: that is no outage.
    ...workers.filter(({ role, worker }) => worker.state === 'ok' || !retired.has(role)).map(({ worker }) => worker),
    ofArming('installation', installation),
    ...sweeps.filter((s) => inService.has(s.providerId)).map((s) => ofArming(`sweep/${s.providerId}`, s)),
  ]
}
