import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { answerOf, sendRaw } from '../answer.ts'
import type { DoorAccess } from '../doors.ts'
import { notices } from '../pages/notices.ts'
import { createGate } from './gate.ts'
import type { Gate, GuacdAddress } from './gate.ts'
import { fromBrowser } from './instructions.ts'
import { createPages, tunnelPath } from './page.ts'
import { desktopRequest } from './request.ts'
import { createSharing } from './sharing.ts'
import { runTunnel } from './tunnel.ts'
import type { TunnelDeps } from './tunnel.ts'

export interface DesktopDeps extends Omit<TunnelDeps, 'gate' | 'sharing'> {
  /** Where guacd listens, one or several. With none, desktops are refused in words. */
  readonly guacds: readonly GuacdAddress[]
  /** Another than the usual one. */
  readonly gate?: Gate
  /** Origins of pages that may hold a desktop in a frame. */
  readonly frameAncestors: readonly string[]
  /** Who calls, as proxies before us may say. */
  readonly remoteAddress: (request: IncomingMessage) => string
}

/** Desktops of sessions: the viewer's page, and the tunnels behind it. Who asks has been let in already. */
export interface Desktops {
  /** Answers a request for anything on the host of such a door. */
  page(request: IncomingMessage, response: ServerResponse, access: DoorAccess): Promise<void>
  /** Takes an upgrade; resolves when the connection has ended and its row is closed. Never rejects. */
  tunnel(request: IncomingMessage, socket: Duplex, head: Buffer, access: DoorAccess): Promise<void>
  load: Gate['load']
  /** Resolves when the row of every desktop that has ended is closed, or could not be. */
  settled(): Promise<void>
}

const subprotocol = 'guacamole'

export function createDesktops(deps: DesktopDeps): Desktops {
  const pages = createPages(deps.frameAncestors)
  const gate = deps.gate ?? createGate(deps.guacds)
  const sharing = createSharing()
  const running = new Set<Promise<void>>()
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: 8 * fromBrowser.bytes,
    handleProtocols: () => subprotocol,
  })

  return {
    page: (request, response, access) => pages.answer(request, response, access),
    load: () => gate.load(),
    settled: async () => void (await Promise.all(running)),
    tunnel(request, socket, head, access) {
      const asked = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
      const path = (request.url ?? '').split('?', 1).join('')
      if (path !== tunnelPath || !asked.includes(subprotocol)) return refuse(socket)
      return new Promise((resolve) => {
        // The library answers a bad upgrade itself and ends the connection; then there is nothing to run.
        socket.once('close', resolve)
        sockets.handleUpgrade(request, socket, head, (ready) => {
          socket.off('close', resolve)
          const from = { remoteAddress: deps.remoteAddress(request), request: desktopRequest(request.url ?? '') }
          const run = runTunnel({ ...deps, gate, sharing }, ready, access, from)
          running.add(run)
          void run.finally(() => running.delete(run)).then(resolve)
        })
      })
    },
  }
}

function refuse(socket: Duplex): Promise<void> {
  sendRaw(socket, answerOf(notices.malformed_request, false, []))
  return Promise.resolve()
}
