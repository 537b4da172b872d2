import type { AccessGateway } from '../access-gateway.ts'
import type { AccessAccounts } from '../accounts.ts'
import { createMemoryBreaker } from './breaker.ts'
import type { LoginBreaker } from './breaker.ts'
import { closeDoors, removeAccount, revoke } from './close.ts'
import { settled } from './endings.ts'
import { cutAll, kill, list, listLive } from './look.ts'
import { open } from './open.ts'
import { createParts } from './parts.ts'
import type { GuacamoleSettings } from './settings.ts'

export interface GuacamoleDeps {
  readonly settings: GuacamoleSettings
  readonly accounts: AccessAccounts
  /** Of this process alone by default: several processes then try a wrong password once each. */
  readonly breaker?: LoginBreaker
  readonly now?: () => number
}

/**
 * Reaches desks through a Guacamole 1.6 by its REST API, as a service account that administers it: a connection group per
 * deployment, a connection per door, a user per account. Never touches its database. Connects with the first call.
 */
export function createGuacamoleGateway({
  settings,
  accounts,
  breaker = createMemoryBreaker(),
  now = Date.now,
}: GuacamoleDeps): AccessGateway {
  const parts = createParts(settings, accounts, breaker, now)
  return {
    open: async (use, target, signal) => await settled(() => open(parts, use, target, signal)),
    revoke: async (use, signal) => await settled(() => revoke(parts, use, signal)),
    closeDoors: async (doors, signal) => await settled(() => closeDoors(parts, doors, signal)),
    removeAccount: async (deploymentId, accountId, signal) =>
      await settled(() => removeAccount(parts, deploymentId, accountId, signal)),
    listLive: async (doors, signal) => await settled(() => listLive(parts, doors, signal)),
    kill: async (id, signal) => await settled(() => kill(parts, id, signal)),
    cutAll: async (deploymentId, signal) => await settled(() => cutAll(parts, deploymentId, signal)),
    list: (deploymentId, signal) => list(parts, deploymentId, signal),
    async close() {
      await Promise.all(parts.api.nodes.map(async (node) => await node.close()))
    },
  }
}
