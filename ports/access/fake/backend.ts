import { randomUUID } from 'node:crypto'
import type { AccountId } from '../../../domain/ids.ts'
import type { DoorUse, Launch, SessionDoors } from '../access-gateway.ts'

export type AccessCall = 'open' | 'revoke' | 'closeDoors' | 'removeAccount' | 'listLive' | 'kill' | 'cutAll' | 'list'

/** A browser's way in, as far as it came. */
export interface FakeTunnel {
  readonly id: string
  readonly token: string
  readonly doors: SessionDoors
  readonly door: string
  readonly mode: DoorUse['mode']
  /** As which account; it can be told apart from a guest's who only joined. */
  readonly accountId: AccountId
  readonly startedAt: number
  /** The one that it joined and ends with. */
  readonly joined: string | null
  phase: 'connecting' | 'open' | 'closed'
}

/** What a launch may enter: named in its path. */
export interface FakeEntry {
  readonly use: DoorUse
  readonly joins: boolean
}

/**
 * The make-believe gateway behind one or several fake drivers, and the controls by which a test makes things happen to
 * it. In memory: it ends with the process.
 */
export interface FakeAccessBackend {
  readonly connections: Map<string, SessionDoors & { readonly door: string; readonly mode: DoorUse['mode'] }>
  /** By deployment and account. */
  readonly users: Map<string, { readonly deploymentId: string; readonly accountId: AccountId }>
  readonly grants: Map<string, FakeEntry>
  readonly tokens: Map<string, { readonly deploymentId: string; readonly accountId: AccountId }>
  readonly tunnels: Map<string, FakeTunnel>
  readonly ended: Set<string>
  readonly calls: Record<AccessCall, number>
  /** How often a tunnel was to be ended, also in vain. */
  kills: number
  readonly health: 'up' | 'down' | 'hanging'
  readonly latencyMs: number
  /** Takes what becomes of the next call of this kind. */
  takePlan(call: AccessCall): 'before' | 'after' | undefined

  /** A browser goes where a launch leads: at once refused, or connecting and then open. */
  enter(launch: Launch): FakeTunnel
  /** The browser goes away. */
  leave(tunnel: FakeTunnel): void
  /** Tunnels stay `connecting` until let go; nothing ends them meanwhile. */
  hold(): { letGo(): void }
  setLatency(ms: number): void
  /** The next call of this kind fails, before or after it took effect. */
  failNext(call: AccessCall, when: 'before' | 'after'): void
  goDown(): void
  hang(): void
  goUp(): void
  /** It starts anew: tokens and tunnels are gone, all else is there. */
  restart(): void
  /** Connections, rights and tunnels of a deployment. */
  count(deploymentId: string): number
}

export const doorsKey = ({ deploymentId, sessionId, generation }: SessionDoors): string =>
  `${deploymentId} ${sessionId} ${generation}`
export const doorKey = (doors: SessionDoors, door: string, mode: DoorUse['mode']): string =>
  `${doorsKey(doors)} ${door} ${mode}`
export const grantKey = (use: DoorUse): string => `${doorKey(use, use.door, use.mode)} ${use.accountId}`

/** Ends a tunnel that is open, and those that joined it. One that connects cannot be ended. */
export function endTunnel(backend: FakeAccessBackend, tunnel: FakeTunnel): void {
  backend.kills += 1
  if (tunnel.phase !== 'open') return
  tunnel.phase = 'closed'
  backend.tunnels.delete(tunnel.id)
  for (const other of [...backend.tunnels.values()]) if (other.joined === tunnel.id) endTunnel(backend, other)
}

/** Makes an empty, healthy backend. */
export function createFakeAccessBackend(): FakeAccessBackend {
  const plans = new Map<AccessCall, ('before' | 'after')[]>()
  let health: FakeAccessBackend['health'] = 'up'
  let latencyMs = 0
  let holding = 0
  const backend: FakeAccessBackend = {
    connections: new Map(),
    users: new Map(),
    grants: new Map(),
    tokens: new Map(),
    tunnels: new Map(),
    ended: new Set(),
    calls: { open: 0, revoke: 0, closeDoors: 0, removeAccount: 0, listLive: 0, kill: 0, cutAll: 0, list: 0 },
    kills: 0,
    get health() {
      return health
    },
    get latencyMs() {
      return latencyMs
    },
    takePlan: (call) => plans.get(call)?.shift(),
    enter({ path, token }) {
      const grant = backend.grants.get(decodeURIComponent(path.replace('#/', '')))
      const holder = backend.tokens.get(token)
      const { use, joins } = grant ?? { use: undefined, joins: false }
      const primary = use === undefined || !joins ? null : primaryOf(backend, use)
      const allowed = use !== undefined && holder?.accountId === use.accountId && (!joins || primary !== null)
      const tunnel: FakeTunnel = {
        id: `fake/${randomUUID()}`,
        token,
        doors: use ?? { deploymentId: '', sessionId: '' as DoorUse['sessionId'], generation: 0 }, // refused: of nothing
        door: use?.door ?? '',
        mode: use?.mode ?? 'control',
        accountId: use?.accountId ?? ('' as AccountId),
        startedAt: Date.now(),
        joined: primary?.id ?? null,
        phase: !allowed ? 'closed' : holding > 0 ? 'connecting' : 'open',
      }
      if (allowed) backend.tunnels.set(tunnel.id, tunnel)
      return tunnel
    },
    leave(tunnel) {
      if (tunnel.phase === 'connecting') tunnel.phase = 'open'
      endTunnel(backend, tunnel)
    },
    hold() {
      holding += 1
      return {
        letGo() {
          holding -= 1
          for (const tunnel of backend.tunnels.values()) if (tunnel.phase === 'connecting') tunnel.phase = 'open'
        },
      }
    },
    setLatency: (ms) => void (latencyMs = ms),
    failNext: (call, when) => void plans.set(call, [...(plans.get(call) ?? []), when]),
    goDown: () => void (health = 'down'),
    hang: () => void (health = 'hanging'),
    goUp: () => void (health = 'up'),
    restart() {
      backend.tokens.clear()
      for (const tunnel of backend.tunnels.values()) tunnel.phase = 'closed'
      backend.tunnels.clear()
    },
    count: (deploymentId) =>
      [...backend.connections.values()].filter((c) => c.deploymentId === deploymentId).length +
      [...backend.grants.values()].filter(({ use }) => use.deploymentId === deploymentId).length +
      [...backend.tunnels.values()].filter(({ doors }) => doors.deploymentId === deploymentId).length,
  }
  return backend
}

/** The oldest open tunnel that controls this door: whom viewers join. */
export function primaryOf(backend: FakeAccessBackend, use: DoorUse): FakeTunnel | null {
  const same = [...backend.tunnels.values()].filter(
    ({ doors, door, mode, phase }) =>
      phase === 'open' && mode === 'control' && doorKey(doors, door, mode) === doorKey(use, use.door, 'control'),
  )
  return same[0] ?? null
}
