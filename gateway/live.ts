import type { DoorAccess, TunnelId, TunnelKind } from './doors.ts'

/** Why Carrel ended a connection itself. */
export const cutReasons = ['withdrawn', 'ended', 'paused', 'expired', 'cut', 'unverified', 'shutdown'] as const
export type CutReason = (typeof cutReasons)[number]

/** What is open through this process: a request, a WebSocket or a desktop, with the way to end it. */
export interface Connection {
  readonly access: DoorAccess
  readonly kind: TunnelKind
  /** `null`: it has no row (yet). */
  readonly tunnelId: TunnelId | null
  /** Ends both its sides at once. Called once at most; must not throw. */
  cut(reason: CutReason): void
}

/** One open connection, to be told what passes through it, and to be taken out when it has ended. */
export interface LiveConnection {
  readonly access: DoorAccess
  readonly kind: TunnelKind
  readonly tunnelId: TunnelId | null
  /** Why it was cut, once it was. */
  readonly cutFor: CutReason | null
  readonly bytesIn: number
  readonly bytesOut: number
  readonly lastInputAt: number | null
  /** It has lasted: from here on it is a tunnel with a row. */
  named(tunnelId: TunnelId): void
  /** Bytes from the browser to the session. */
  received(bytes: number): void
  /** Bytes from the session to the browser. */
  sent(bytes: number): void
  /** Its user did something just now; keep-alives are nothing. */
  input(): void
  /** Takes it out. `false`: it was out already. */
  remove(): boolean
  /** Cuts it, once. */
  cut(reason: CutReason): void
}

export interface Live {
  /** Takes a connection in, until it is removed. */
  add(connection: Connection): LiveConnection
  all(): readonly LiveConnection[]
  /** Every pass that something is open for, once. */
  passIds(): readonly string[]
  /** How many connections one pass has. */
  countOf(passId: string): number
  /** Cuts what the choice names. Answers how many. */
  cutWhere(chosen: (connection: LiveConnection) => boolean, reason: CutReason): number
}

export interface LiveDeps {
  readonly now?: () => number
  readonly removed?: (connection: LiveConnection) => void
  readonly added?: (connection: LiveConnection) => void
}

/** All that is open through this process. Nothing in it outlives the process. */
export function createLive({ now = Date.now, added, removed }: LiveDeps = {}): Live {
  const byPass = new Map<string, Set<LiveConnection>>()
  const all = () => [...byPass.values()].flatMap((set) => [...set])

  const take = (connection: LiveConnection) => {
    const { passId } = connection.access
    const set = byPass.get(passId) ?? new Set()
    byPass.set(passId, set.add(connection))
  }
  const drop = (connection: LiveConnection): boolean => {
    const { passId } = connection.access
    const set = byPass.get(passId)
    if (set === undefined || !set.delete(connection)) return false
    if (set.size === 0) byPass.delete(passId)
    return true
  }

  return {
    add(connection) {
      let { tunnelId } = connection
      let cutFor: CutReason | null = null
      let bytesIn = 0
      let bytesOut = 0
      let lastInputAt: number | null = null
      const live: LiveConnection = {
        access: connection.access,
        kind: connection.kind,
        get tunnelId() {
          return tunnelId
        },
        get cutFor() {
          return cutFor
        },
        get bytesIn() {
          return bytesIn
        },
        get bytesOut() {
          return bytesOut
        },
        get lastInputAt() {
          return lastInputAt
        },
        named: (id) => void (tunnelId = id),
        received: (bytes) => void (bytesIn += bytes),
        sent: (bytes) => void (bytesOut += bytes),
        input: () => void (lastInputAt = now()),
        remove: () => {
          const wasIn = drop(live)
          if (wasIn) removed?.(live)
          return wasIn
        },
        cut: (reason) => {
          if (cutFor !== null) return
          cutFor = reason
          connection.cut(reason)
        },
      }
      take(live)
      added?.(live)
      return live
    },
    all,
    passIds: () => [...byPass.keys()],
    countOf: (passId) => byPass.get(passId)?.size ?? 0,
    cutWhere(chosen, reason) {
      const cut = all().filter((connection) => connection.cutFor === null && chosen(connection))
      for (const connection of cut) connection.cut(reason)
      return cut.length
    },
  }
}
