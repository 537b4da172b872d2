import { outageAfterSeconds } from '../../db/beats.ts'
import type { ProviderHealth } from '../../db/providers.ts'
import type { ArmingRow, DependencyRow } from '../../db/status.ts'

/** A dependency as everybody may see it: no texts of backends, no addresses. */
export interface Dependency {
  readonly name: string
  readonly state: 'ok' | 'degraded' | 'down'
  readonly latencyMs: number | null
  readonly since: Date | null
  readonly checkedAt: Date | null
}

/** A provider's breaker and its last list, as a state. */
export const ofProvider = (health: ProviderHealth): Dependency => ({
  name: `provider/${health.providerId}`,
  state:
    health.state === 'open' ? 'down' : health.state === 'probing' || health.observeError !== null ? 'degraded' : 'ok',
  latencyMs: health.observeMs,
  since: health.since,
  checkedAt: health.observedAt,
})

/** Whether whoever last served at that time may be taken to serve now. */
export const isServed = (at: Date | null, now: Date): boolean =>
  at !== null && now.getTime() - at.getTime() <= outageAfterSeconds * 1_000

/** A role of the workers: down when nobody has served it for longer than an outage takes. `at`: `null` nobody ever has. */
export const ofBeat = ({ role, at }: { readonly role: string; readonly at: Date | null }, now: Date): Dependency => {
  const silent = !isServed(at, now)
  return {
    name: `worker/${role}`,
    state: silent ? 'down' : 'ok',
    latencyMs: null,
    since: silent ? at : null,
    checkedAt: at,
  }
}

export const ofRow = ({ name, state, latencyMs, since, checkedAt }: DependencyRow): Dependency => ({
  name,
  state,
  latencyMs,
  since,
  checkedAt,
})

/** What may act or not: disarmed is degraded. Why is for operators. */
export const ofArming = (name: string, { disarmedAt, checkedAt }: ArmingRow): Dependency => ({
  name,
  state: disarmedAt === null ? 'ok' : 'degraded',
  latencyMs: null,
  since: disarmedAt,
  checkedAt,
})

/** The whole is down with its database, and degraded with anything else. */
export function overall(all: readonly Dependency[]): Dependency['state'] {
  if (all.some((d) => d.name === 'database' && d.state === 'down')) return 'down'
  return all.every((d) => d.state === 'ok') ? 'ok' : 'degraded'
}
