import type { Db } from '../db/connect.ts'
import { networksOf, recordPlaces } from '../db/instances.ts'
import { claimEndpoints } from '../db/reports.ts'
import type { StoredReport } from '../db/schema.ts'
import { endpointsOf } from '../domain/report.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Endpoint, Running } from '../ports/compute/provider.ts'
import type { Locate } from './access.ts'

/** What came of putting together what the instance says and where the backend says that it is. */
export type Placed =
  | { readonly kind: 'placed'; readonly endpoints: readonly Endpoint[] }
  /** Not all of it is known yet. */
  | { readonly kind: 'waits'; readonly for: string }
  /** Nobody may be led there. `detail` is for operators. */
  | { readonly kind: 'refused'; readonly detail: string }

/** Writes down where an instance is reached that woke, perhaps elsewhere: nowhere, where that cannot be believed. */
export async function keepPlaces(
  { db, locate }: { readonly db: Db; readonly locate: Locate },
  key: SessionKey,
  report: StoredReport | null,
  running: Running,
): Promise<void> {
  if (report === null && running.unverified !== true) return await recordPlaces(db, key, running.endpoints)
  const placed =
    report === null
      ? await placeSaid({ db, locate }, key, running.endpoints)
      : await placeReported({ db, locate }, key, report, running)
  if (placed.kind !== 'placed') await recordPlaces(db, key, [])
}

/**
 * Where an instance is reached that reported its ports: at the host that the backend says, in the networks of its provider, at none of
 * Carrel's own services, and where nobody else is. It is written down once it may be believed.
 */
export async function placeReported(
  { db, locate }: { readonly db: Db; readonly locate: Locate },
  key: SessionKey,
  report: StoredReport | null,
  running: Running,
): Promise<Placed> {
  const host = running.host ?? running.endpoints[0]?.host
  if (host === undefined) return { kind: 'waits', for: 'its address' }
  if (report === null) return { kind: 'waits', for: 'its report' }
  return await placeSaid({ db, locate }, key, endpointsOf(report, host))
}

/** The same of endpoints that somebody says as a whole: who says them is believed only so far. */
export async function placeSaid(
  { db, locate }: { readonly db: Db; readonly locate: Locate },
  key: SessionKey,
  said: readonly Endpoint[],
): Promise<Placed> {
  const networks = await networksOf(db, key.sessionId)
  const endpoints: Endpoint[] = []
  for (const { host, hostPort, ...endpoint } of said) {
    const located = await locate({ endpoint: { host, port: hostPort }, networks })
    if (located.kind === 'unreachable') return { kind: 'waits', for: 'its address' }
    if (located.kind === 'forbidden')
      return {
        kind: 'refused',
        detail: `It reported port ${hostPort} of ${host}, which no session of this provider may be at.`,
      }
    endpoints.push({ ...endpoint, host: located.host, hostPort })
  }
  if ((await claimEndpoints(db, key, endpoints)) === 'kept') return { kind: 'placed', endpoints }
  const ports = endpoints.map(({ hostPort }) => hostPort).join(', ')
  const hosts = [...new Set(endpoints.map(({ host }) => host))].join(', ')
  return { kind: 'refused', detail: `It reported ${ports} of ${hosts}, where another instance is reached.` }
}
