/**
 * What an installation stands on. A database that finds itself elsewhere is a copy, or was brought back from one: it must not
 * end what another one looks after.
 */
export interface Ground {
  readonly systemIdentifier: string
  readonly databaseOid: string
  readonly temporalNamespaceId: string
}

/** `copied`: it stands on other ground than when it was armed. `restored`: it is older than what it has already done. */
export type DisarmReason = 'copied' | 'restored'

/** How far the installation has come: each run of a sweep raises `tick`, each arming `epoch`. */
export interface Tick {
  readonly epoch: number
  readonly tick: number
}

/** Why the installation must not act; `null` when it may. `stored` is `null` where nobody has looked yet. */
export function reasonToDisarm(stored: Ground | null, here: Ground): DisarmReason | null {
  if (stored === null) return null
  const same =
    stored.systemIdentifier === here.systemIdentifier &&
    stored.databaseOid === here.databaseOid &&
    stored.temporalNamespaceId === here.temporalNamespaceId
  return same ? null : 'copied'
}

/** Whether a run that is at `now` comes after one that ended at `last`. */
export const comesAfter = (now: Tick, last: Tick): boolean =>
  now.epoch > last.epoch || (now.epoch === last.epoch && now.tick > last.tick)
