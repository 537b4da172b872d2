import { WebSocket } from 'ws'
import { eventually } from './eventually.ts'

/** A browser's side of one tunnel: it opens, notes what it is told, and closes when told. */
export interface Browser {
  /** Opcode first; the first one is internal, with an empty opcode, and names the tunnel. */
  readonly instructions: readonly (readonly string[])[]
  readonly subprotocol: () => string
  /** How it was closed, or null while it is open. */
  closed(): { readonly code: number; readonly reason: string } | null
  /** Waits for the first picture. Throws where it is closed before. */
  shown(): Promise<void>
  /** Waits until it is closed. */
  ended(): Promise<{ readonly code: number; readonly reason: string }>
  /** Says that it is there, as a browser does every few seconds. */
  speak(): void
  /** Goes away. */
  leave(): void
}

export interface Address {
  readonly token: string | null
  readonly id: string | null
  readonly dataSource?: string
}

/** Opens a tunnel at a node, as the web client does. */
export function openBrowser(nodeUrl: string, { token, id, dataSource = 'postgresql' }: Address): Browser {
  const url = new URL('websocket-tunnel', nodeUrl)
  url.protocol = 'ws:'
  const asked: Record<string, string | null> = {
    token,
    GUAC_DATA_SOURCE: dataSource,
    GUAC_ID: id,
    GUAC_TYPE: 'c',
    GUAC_WIDTH: '800',
    GUAC_HEIGHT: '600',
    GUAC_DPI: '96',
  }
  for (const [name, value] of Object.entries(asked)) if (value !== null) url.searchParams.set(name, value)
  const socket = new WebSocket(url, 'guacamole', { handshakeTimeout: 20_000 })
  const instructions: string[][] = []
  let closed: { code: number; reason: string } | null = null
  socket.on('message', (data: Buffer) => instructions.push(...decode(data.toString())))
  socket.on('close', (code, reason) => (closed = { code, reason: reason.toString() }))
  // A close follows each error.
  socket.on('error', () => {})
  const pictured = () => instructions.some(([opcode]) => opcode === 'sync')
  return {
    instructions,
    subprotocol: () => socket.protocol,
    closed: () => closed,
    async shown() {
      await eventually(() => pictured() || closed !== null)
      if (!pictured()) throw new Error(`closed with ${JSON.stringify(closed)}`)
    },
    async ended() {
      await eventually(() => closed !== null)
      return closed ?? { code: 0, reason: '' }
    },
    speak: () => socket.send('3.nop;'),
    leave: () => socket.close(),
  }
}

/** Instructions of one message; lengths count code points. */
function decode(message: string): string[][] {
  const points = Array.from(message)
  const found: string[][] = []
  let parts: string[] = []
  for (let at = 0; at < points.length;) {
    const dot = points.indexOf('.', at)
    const end = dot + 1 + Number(points.slice(at, dot).join(''))
    parts.push(points.slice(dot + 1, end).join(''))
    if (points[end] === ';') {
      found.push(parts)
      parts = []
    }
    at = end + 1
  }
  return found
}
