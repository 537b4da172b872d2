import type { AccessAccounts } from '../accounts.ts'
import { createApi } from './api.ts'
import type { Api } from './api.ts'
import type { LoginBreaker } from './breaker.ts'
import { createConnections } from './connections.ts'
import type { Connections } from './connections.ts'
import { createGroups } from './groups.ts'
import { createInTurn } from './in-turn.ts'
import { createNode } from './node.ts'
import type { GuacamoleSettings } from './settings.ts'
import { createTokens } from './tokens.ts'
import type { Tokens } from './tokens.ts'
import { createTunnels } from './tunnels.ts'
import type { Tunnels } from './tunnels.ts'
import { createUsers } from './users.ts'
import type { Users } from './users.ts'
import { createViews } from './view.ts'
import type { Views } from './view.ts'

/** What the driver's calls are made of. */
export interface Parts {
  readonly api: Api
  readonly accounts: AccessAccounts
  readonly dataSource: string
  readonly connections: Connections
  readonly users: Users
  readonly tokens: Tokens
  readonly tunnels: Tunnels
  readonly views: Views
}

export function createParts(
  settings: GuacamoleSettings,
  accounts: AccessAccounts,
  breaker: LoginBreaker,
  now: () => number,
): Parts {
  const { dataSource, retryAfterMs } = settings
  const inTurn = createInTurn()
  const nodes = settings.nodes.map((node) => createNode(node, { settings, breaker, now, inTurn }))
  const api = createApi({ nodes, now, retryAfterMs })
  const users = createUsers(api, accounts)
  const tunnels = createTunnels(api, settings.roundMs)
  return {
    api,
    accounts,
    dataSource,
    users,
    tunnels,
    connections: createConnections(api, createGroups(api)),
    tokens: createTokens({ api, accounts, users, tunnels, dataSource, now }),
    views: createViews(api, tunnels),
  }
}
