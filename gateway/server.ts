import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Dispatch } from './dispatch.ts'
import { answerUnread } from './unread.ts'

export interface GatewayServer {
  /** Begins to listen; resolves with the port, which the system chooses for 0. Rejects where it is taken. */
  listen(): Promise<{ readonly port: number }>
  /**
   * Serves on for `drainMs`, asking each browser to connect anew, elsewhere. Then takes no new connection, and calls `cut` for what
   * would not end by itself; the rest may finish within `graceMs`.
   */
  close(drainMs: number, graceMs: number, cut: () => void): Promise<void>
  isLeaving(): boolean
}

export interface ServerOptions {
  readonly host: string
  readonly port: number
  /** Whoever sends headers slower than this is not read on. */
  readonly headersMs: number
  readonly dispatch: Dispatch
  readonly failed: (error: unknown) => void
}

const idleEveryMs = 50

/**
 * Browsers hold 180 cookies of 4 KiB for all doors together, and a page of one session can fill that for all others: whoever has
 * them is still read, with 64 KiB for everything else. It is held as long as headers may take to come, and no longer.
 */
const maxHeaderSize = 832 * 1_024
const mostConnections = 20_000
/** What goes beyond is not even taken in; every request with so many is refused for them. */
const mostHeaders = 2_000

/** The gateway's doors on a port. Requests are read strictly; nothing is collected of a body. */
export function createGatewayServer({ host, port, headersMs, dispatch, failed }: ServerOptions): GatewayServer {
  let leaving = false
  const server = createHttpServer({
    maxHeaderSize,
    headersTimeout: headersMs,
    connectionsCheckingInterval: Math.ceil(headersMs / 5),
    // A body takes as long as it takes; one that stands still is ended by whoever reads it.
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    insecureHTTPParser: false,
    requireHostHeader: false,
    noDelay: true,
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  })
  server.maxHeadersCount = mostHeaders
  server.maxConnections = mostConnections

  /** How many answers each owes: requests may come before the answer to the one before them. */
  const answering = new WeakMap<Duplex, number>()
  /** The server itself knows these no more. */
  const upgraded = new Set<Duplex>()
  const serve = (request: IncomingMessage, response: ServerResponse, continues: boolean) => {
    const { socket } = request
    answering.set(socket, (answering.get(socket) ?? 0) + 1)
    response.once('close', () => answering.set(socket, (answering.get(socket) ?? 1) - 1))
    if (leaving) response.shouldKeepAlive = false
    dispatch.request(request, response, continues).catch((error: unknown) => {
      failed(error)
      response.destroy()
    })
  }
  server.on('request', (request, response) => serve(request, response, false))
  server.on('checkContinue', (request, response) => serve(request, response, true))
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    dispatch.upgrade(request, socket, head).catch((error: unknown) => {
      failed(error)
      socket.destroy()
    })
  })
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => socket.destroy())
  server.on('clientError', (error: Error, socket: Socket) => {
    // In the middle of an answer there is no place for another one.
    if ((answering.get(socket) ?? 0) > 0) socket.destroy()
    else answerUnread(error, socket)
  })

  return {
    isLeaving: () => leaving,
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ port, host, backlog: 1_024 }, () => {
          server.off('error', reject)
          // An address of a pipe is text; this is a port.
          resolve({ port: (server.address() as AddressInfo).port })
        })
      }),
    close: async (drainMs, graceMs, cut) => {
      leaving = true
      await delay(drainMs)
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      cut()
      // A kept-alive connection becomes idle when its last answer is out, at any moment from now.
      const idle = setInterval(() => server.closeIdleConnections(), idleEveryMs)
      const force = setTimeout(() => {
        server.closeAllConnections()
        for (const socket of upgraded) socket.destroy()
      }, graceMs)
      await closed
      clearInterval(idle)
      clearTimeout(force)
    },
  }
}
