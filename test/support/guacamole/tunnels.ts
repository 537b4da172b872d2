import type { Login, NodeState } from './node-state.ts'
import type { Visit } from './database.ts'

/**
 * A tunnel from a browser to a desk. `connecting` ones are listed, and nothing ends them: neither a kill, which answers
 * that it did, nor the end of their login; they open and live on.
 */
export interface Tunnel {
  readonly uuid: string
  readonly login: Login
  /** The connection it was opened on; kept when that one is deleted. For a joined one the primary's. */
  readonly connectionId: string
  /** The key by which it joined another's tunnel. */
  readonly key: string | null
  readonly startDate: number
  readonly remoteHost: string
  phase: 'connecting' | 'open' | 'ended'
  /** Closes it towards the browser; does nothing where it ended before. */
  end(code: number, reason: string): void
}

export interface TunnelPlan {
  readonly login: Login
  readonly connectionId: string
  readonly key: string | null
  readonly remoteHost: string
  /** Tells the browser. */
  readonly close: (code: number, reason: string) => void
}

/** Enters a tunnel in the list, still connecting. Call `opened` when the desk answers. */
export function enterTunnel(state: NodeState, plan: TunnelPlan): Tunnel & { opened(): void } {
  const { db } = state
  const connection = db.connections.get(plan.connectionId)
  const startDate = state.now()
  const visit: Visit = {
    id: db.nextId('visit'),
    uuid: state.newUuid(),
    startDate,
    endDate: null,
    remoteHost: plan.remoteHost,
    username: plan.login.username,
    active: true,
    connectionId: plan.connectionId,
    connectionName: connection?.name ?? '',
  }
  db.visits.push(visit)
  if (connection !== undefined) connection.lastActive = startDate
  const tunnel = {
    uuid: visit.uuid,
    login: plan.login,
    connectionId: plan.connectionId,
    key: plan.key,
    startDate,
    remoteHost: plan.remoteHost,
    phase: 'connecting' as Tunnel['phase'],
    opened() {
      if (tunnel.phase === 'connecting') tunnel.phase = 'open'
    },
    end(code: number, reason: string) {
      if (tunnel.phase === 'ended') return
      tunnel.phase = 'ended'
      state.tunnels.delete(tunnel.uuid)
      visit.active = false
      // A close that the database does not see leaves no end.
      if (db.up) visit.endDate = state.now()
      plan.close(code, reason)
      endJoined(state, tunnel.uuid)
    },
  }
  state.tunnels.set(tunnel.uuid, tunnel)
  return tunnel
}

/** Keys are bound to the primary: with it they die, and whoever joined is closed. */
function endJoined(state: NodeState, primary: string): void {
  for (const { key, tunnel } of [...state.keys.values()]) {
    if (tunnel !== primary) continue
    state.keys.delete(key)
    for (const joined of [...state.tunnels.values()]) if (joined.key === key) joined.end(1000, '0')
  }
}
