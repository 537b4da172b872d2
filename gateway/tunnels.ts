import type { DoorAccess, Doors, TunnelKind } from './doors.ts'
import type { CutReason, Live, LiveConnection } from './live.ts'

/** Opens and closes what is open, in this process and in its row. */
export interface Tunnels {
  /** A WebSocket: in the register from its first moment, so that it can be cut before its session has accepted it. */
  admit(what: Opening): LiveConnection
  /** Gives it its row. Rejects where that cannot be written. */
  write(connection: LiveConnection, what: Opening): Promise<void>
  /** A request: it becomes a tunnel with a row when it has lasted 5 s. */
  begin(what: Opening): LiveConnection
  /** Ends it, once: out of the register, and its row closed. Never rejects. */
  end(connection: LiveConnection, reason: string): void
  /** Resolves when every row of what has ended is closed, or could not be. */
  settled(): Promise<void>
}

export interface Opening {
  readonly access: DoorAccess
  readonly kind: TunnelKind
  readonly remoteAddress: string
  cut(reason: CutReason): void
}

export interface TunnelDeps {
  readonly doors: Pick<Doors, 'openTunnel' | 'closeTunnel'>
  readonly live: Live
  readonly lastsMs?: number
  /** A row could not be written: that is the operator's to know. */
  readonly warn: (message: string, error: unknown) => void
}

/** From then on a request is a stream. */
const usualLastsMs = 5_000

/** Why a connection ended, in the words of its row, from why it was cut. */
export const closeReasonOf = (cut: CutReason): string =>
  cut === 'unverified' || cut === 'shutdown' ? 'gateway_lost' : cut

export function createTunnels({ doors, live, lastsMs = usualLastsMs, warn }: TunnelDeps): Tunnels {
  /** What waits until a request has lasted, and the row that is being made of it. */
  const waiting = new Map<LiveConnection, NodeJS.Timeout>()
  const making = new Map<LiveConnection, Promise<void>>()
  const closing = new Set<Promise<void>>()

  const admit = (what: Opening): LiveConnection => {
    const { access, kind } = what
    return live.add({ access, kind, tunnelId: null, cut: (reason) => what.cut(reason) })
  }
  const lasts = (connection: LiveConnection, { access, kind, remoteAddress }: Opening) => {
    waiting.delete(connection)
    const made = doors
      .openTunnel(access, kind, remoteAddress)
      .then(
        (id) => connection.named(id),
        (error: unknown) => warn('A stream has no row.', error),
      )
      .finally(() => making.delete(connection))
    making.set(connection, made)
  }

  const close = async (connection: LiveConnection, reason: string): Promise<void> => {
    await making.get(connection)
    const { tunnelId, bytesIn, bytesOut } = connection
    if (tunnelId === null) return
    await doors
      .closeTunnel(tunnelId, reason, { bytesIn, bytesOut })
      .catch((error: unknown) => warn('The row of a tunnel could not be closed.', error))
  }

  return {
    admit,
    async write(connection, { access, kind, remoteAddress }) {
      const made = doors.openTunnel(access, kind, remoteAddress).then((id) => connection.named(id))
      const over = made.catch(() => undefined).finally(() => making.delete(connection))
      making.set(connection, over)
      await made
    },
    begin(what) {
      const connection = admit(what)
      waiting.set(
        connection,
        setTimeout(() => lasts(connection, what), lastsMs),
      )
      return connection
    },
    end(connection, reason) {
      if (!connection.remove()) return
      clearTimeout(waiting.get(connection))
      waiting.delete(connection)
      if (connection.tunnelId === null && !making.has(connection)) return
      const { cutFor } = connection
      const closed: Promise<void> = close(connection, cutFor === null ? reason : closeReasonOf(cutFor)).finally(() =>
        closing.delete(closed),
      )
      closing.add(closed)
    },
    settled: async () => void (await Promise.all(closing)),
  }
}
