import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { may } from './database.ts'
import type { Connection } from './database.ts'
import type { Login, NodeState } from './node-state.ts'
import { enterTunnel } from './tunnels.ts'

/** How a desk behaves when a tunnel reaches it; the daemon itself may be down, too. */
export type Desk =
  'up' | 'daemon_down' | 'refused' | 'refused_with_error' | 'wrong_password' | 'password_missing' | 'dies' | 'silent'

export interface DeskSettings {
  /** By `host:port`; any other is up. */
  readonly desks: Map<string, Desk>
  /** From accepted to open. */
  connectMs: number
  /** Waits while this is unsettled, before it opens: to hold tunnels in `connecting`. */
  hold: Promise<void> | null
  /** What the protocol's own delays are divided by. */
  haste: number
}

type Close = readonly [code: number, reason: string]
const encode = (...parts: readonly string[]) =>
  `${parts.map((part) => `${Array.from(part).length}.${part}`).join(',')};`
const protocols = ['kubernetes', 'rdp', 'ssh', 'telnet', 'vnc']

/** What opens: whose, on which connection, by which key. Or how it is refused. */
function admitted(
  state: NodeState,
  query: URLSearchParams,
): { login: Login; connection: Connection; key: string | null } | Close {
  const login = state.find(query.get('token'))
  const [id, source, type] = ['GUAC_ID', 'GUAC_DATA_SOURCE', 'GUAC_TYPE'].map((name) => query.get(name))
  if (login === undefined) return [1008, '769']
  if (!id || !source || type !== 'c') return [1002, '768']
  login.lastUsed = state.now()
  if (source === 'postgresql-shared') {
    const primary = state.tunnels.get((login.keys.has(id) ? state.keys.get(id)?.tunnel : undefined) ?? '')
    const connection = state.db.connections.get(primary?.connectionId ?? '')
    return connection === undefined ? [1002, '516'] : { login, connection, key: id }
  }
  const connection = state.db.connections.get(id)
  if (source !== 'postgresql' || connection === undefined || login.user === null) return [1002, '516']
  if (!may(state.db, login.user, 'connectionPermissions', id, 'READ')) return [1002, '516']
  // Who joined by a key does not count.
  const open = [...state.tunnels.values()].filter((tunnel) => tunnel.connectionId === id && tunnel.key === null)
  const own = open.filter((tunnel) => tunnel.login.username === login.username)
  if (own.length >= limit(connection, 'max-connections-per-user')) return [1008, '797']
  if (open.length >= limit(connection, 'max-connections')) return [1008, '517']
  return { login, connection, key: null }
}
const limit = (connection: Connection, name: string) => Number(connection.attributes[name] ?? Infinity)

/** Speaks the tunnel's side of `/websocket-tunnel`: 101 always, then what befits the case. */
export function createTunnelServer(state: NodeState, settings: DeskSettings) {
  const server = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false })
  const later = async (ms: number) =>
    await new Promise<void>((resolve) => setTimeout(resolve, ms / settings.haste).unref())

  async function serve(socket: WebSocket, request: IncomingMessage): Promise<void> {
    const { searchParams } = new URL(request.url ?? '/', 'http://double')
    if (!state.db.up) return socket.terminate()
    const admission = admitted(state, searchParams)
    if (!('login' in admission)) return socket.close(...admission)
    const { login, connection, key } = admission
    const desk = settings.desks.get(`${connection.parameters.hostname}:${connection.parameters.port}`) ?? 'up'
    if (desk === 'daemon_down') return socket.close(1011, '512')
    const tunnel = enterTunnel(state, {
      login,
      connectionId: connection.id,
      key,
      remoteHost: request.socket.remoteAddress ?? '',
      close: (code, reason) => (code === 1006 ? socket.terminate() : socket.close(code, reason)),
    })
    socket.on('close', () => tunnel.end(1000, '0'))
    socket.on('error', () => tunnel.end(1006, ''))
    if (!protocols.includes(connection.protocol)) {
      await later(15_000)
      return tunnel.end(1011, '514')
    }
    await later(settings.connectMs * settings.haste)
    if (settings.hold !== null) await settings.hold
    if (tunnel.phase === 'ended') return
    tunnel.opened()
    await show(socket, tunnel, desk)
  }

  async function show(socket: WebSocket, tunnel: ReturnType<typeof enterTunnel>, desk: Desk): Promise<void> {
    const send = (...parts: readonly string[]) => socket.send(encode(...parts))
    const failing = (code: string) => send('error', 'Aborted. See logs.', code)
    const goodbye = async (ms: number) => {
      send('disconnect')
      await later(ms)
      tunnel.end(1000, '0')
    }
    send('', tunnel.uuid)
    switch (desk) {
      case 'refused':
        return await goodbye(5_000)
      case 'refused_with_error':
        return failing('519')
      case 'wrong_password':
        failing('519')
        return await goodbye(10_000)
      case 'password_missing':
        return send('required', 'password')
      case 'silent':
        return
      case 'dies':
        send('sync', '1')
        failing('515')
        return await goodbye(5_000)
      case 'up':
      case 'daemon_down':
        for (const opcode of ['size', 'rect', 'cfill', 'img', 'blob', 'end', 'cursor']) send(opcode)
        send('sync', '1')
        return watchSilence(socket, tunnel, failing, send)
      default:
        return desk satisfies never
    }
  }

  /** A browser that says nothing for 15 s is told so, and closed after another 15. */
  function watchSilence(
    socket: WebSocket,
    tunnel: ReturnType<typeof enterTunnel>,
    failing: (code: string) => void,
    send: (...parts: readonly string[]) => void,
  ): void {
    const timer = setTimeout(() => {
      failing('776')
      send('disconnect')
      void later(15_000).then(() => tunnel.end(1011, '514'))
    }, 15_000 / settings.haste)
    timer.unref()
    socket.on('message', () => timer.refresh())
    socket.on('close', () => clearTimeout(timer))
  }

  return {
    /** Takes an upgrade. */
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
      server.handleUpgrade(request, socket, head, (ws) => void serve(ws, request))
    },
  }
}
