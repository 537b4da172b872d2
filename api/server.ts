import { getRequestListener } from '@hono/node-server'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { OpenStreams } from './events/open-streams.ts'
import type { App } from './route.ts'
import { answerUnread, refuseUnread } from './unread.ts'

/** What is under way gets this long to end by itself. */
const graceMs = 10_000
const idleEveryMs = 50

export interface ApiServer {
  /** Begins to listen; resolves with the port, which the system chooses for 0. Rejects where it is taken. */
  listen(): Promise<{ readonly port: number }>
  /**
   * Serves on for `drainMs`, asking each caller to connect anew, elsewhere. Then takes no new connection, ends streams with a
   * hint to come back, answers those who wait, and lets the rest finish within 10 s.
   */
  close(drainMs?: number): Promise<void>
}

export interface ServerOptions {
  readonly app: App
  readonly streams: OpenStreams
  readonly host: string
  readonly port: number
}

/** The api on a port of its own. */
export function createServer({ app, streams, host, port }: ServerOptions): ApiServer {
  const listener = getRequestListener(app.fetch, { errorHandler: refuseUnread })
  const options = { requestTimeout: 30_000, keepAliveTimeout: 65_000 }
  let leaving = false
  const server = createHttpServer(options, (request, response) => {
    if (leaving) response.setHeader('connection', 'close')
    void listener(request, response)
  })
  server.on('clientError', answerUnread)
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          // An address of a pipe is text; this is a port.
          resolve({ port: (server.address() as AddressInfo).port })
        })
      }),
    close: async (drainMs = 0) => {
      leaving = true
      await delay(drainMs)
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      streams.shutDown()
      // A kept-alive connection becomes idle when its last answer is out, at any moment from now.
      const idle = setInterval(() => server.closeIdleConnections(), idleEveryMs)
      const force = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearInterval(idle)
      clearTimeout(force)
    },
  }
}
