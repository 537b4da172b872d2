import type { InstanceRef } from '../provider.ts'
import { findServer } from './everything.ts'
import type { Passing } from './looks.ts'
import type { Server } from './shapes.ts'
import type { Ground } from './surroundings.ts'

/** Looks for an instance's server; `null`: Nova says that there is none. Throws `CloudError`. */
export type FindServer = (ref: InstanceRef, signal: AbortSignal) => Promise<Server | null>

/** So long at most is what Nova is doing to a server believed to be the same as long as its status is. */
const sameForMs = 10_000

/**
 * Finds servers whole, and one that was on its way to another status only when it has left its own: many are waited for at once, for
 * each whole one Nova asks Neutron twice, and in its briefest list it asks for none.
 */
export function createChanging(ground: Pick<Ground, 'api' | 'looks'>): FindServer {
  const onTheWay = new Map<string, { readonly server: Server; readonly from: Passing; readonly until: number }>()

  return async (ref, signal) => {
    const key = `${ref.deploymentId} ${ref.name}`
    const seen = onTheWay.get(key)
    if (seen !== undefined && seen.until > Date.now()) {
      const still = await ground.looks.still[seen.from](ref, signal)
      if (still.some(({ id }) => id === seen.server.id)) return seen.server
    }
    const server = await findServer(ground, ref, signal)
    onTheWay.delete(key)
    for (const [old, { until }] of onTheWay) if (until <= Date.now()) onTheWay.delete(old)
    const from = server === null ? null : passing(server)
    if (server !== null && from !== null) onTheWay.set(key, { server, from, until: Date.now() + sameForMs })
    return server
  }
}

/** The status that it is leaving; `null`: none, or not on an ordinary way. */
function passing({ status, 'OS-EXT-STS:task_state': task }: Server): Passing | null {
  if (status === 'BUILD') return status
  if (task === '') return null
  return status === 'ACTIVE' || status === 'SHELVED' || status === 'SHELVED_OFFLOADED' ? status : null
}
