import type { InstanceRef } from '../provider.ts'
import { findServer } from './everything.ts'
import type { Passing } from './looks.ts'
import type { Server } from './shapes.ts'
import type { Ground } from './surroundings.ts'

/** Servers that are on their way to another status. */
export interface Changing {
  /** The instance's server; `null`: Nova says that there is none. Throws `CloudError`. */
  find(ref: InstanceRef, signal: AbortSignal): Promise<Server | null>
  /** It was just told to go: until it has, there is nothing else to see of it. */
  sent(ref: InstanceRef, server: Server): void
}

/** So long at most is what Nova is doing to a server believed to be the same as long as its status is. */
const sameForMs = 10_000

/**
 * Finds servers whole, and one that was on its way to another status only when it has left its own: many are waited for at once, for
 * each whole one Nova asks Neutron twice, and in its briefest list it asks for none.
 */
export function createChanging(ground: Pick<Ground, 'api' | 'looks'>): Changing {
  const onTheWay = new Map<string, { readonly server: Server; readonly from: Passing; readonly until: number }>()
  const keyOf = ({ deploymentId, name }: InstanceRef) => `${deploymentId} ${name}`

  function seen(ref: InstanceRef, server: Server | null): void {
    onTheWay.delete(keyOf(ref))
    for (const [old, { until }] of onTheWay) if (until <= Date.now()) onTheWay.delete(old)
    const from = server === null ? null : passing(server)
    if (server !== null && from !== null) onTheWay.set(keyOf(ref), { server, from, until: Date.now() + sameForMs })
  }

  return {
    async find(ref, signal) {
      const known = onTheWay.get(keyOf(ref))
      if (known !== undefined && known.until > Date.now()) {
        const still = await ground.looks.still[known.from](ref, signal)
        if (still.some(({ id }) => id === known.server.id)) return known.server
      }
      const server = await findServer(ground, ref, signal)
      seen(ref, server)
      return server
    },
    sent: seen,
  }
}

/** The status that it is leaving; `null`: none, or not on an ordinary way. */
function passing({ status, 'OS-EXT-STS:task_state': task }: Server): Passing | null {
  if (status === 'BUILD') return status
  if (task === '') return null
  return status === 'ACTIVE' || status === 'SHELVED' || status === 'SHELVED_OFFLOADED' ? status : null
}
