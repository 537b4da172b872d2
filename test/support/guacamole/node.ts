import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Answer } from './answers.ts'
import type { Database } from './database.ts'
import { createFaults } from './faults.ts'
import { createNodeState } from './node-state.ts'
import { tokenOf } from './requests.ts'
import type { Request } from './requests.ts'
import { answer } from './routes.ts'
import { createTunnelServer } from './websocket.ts'
import type { DeskSettings } from './websocket.ts'

const mostRead = 4 * 1024 * 1024

/** One web application of the double, listening on loopback; several may share a database. */
export async function startNode(db: Database) {
  const state = createNodeState(db)
  const faults = createFaults()
  const settings: DeskSettings = { desks: new Map(), connectMs: 0, hold: null, haste: 1 }
  const tunnels = createTunnelServer(state, settings)
  /** Every request that arrived, oldest first. */
  const seen: { readonly method: string; readonly path: string; readonly token: string | null }[] = []
  let server = await listen(0)
  const { port } = server.address() as AddressInfo // it listens on TCP

  async function listen(onPort: number): Promise<Server> {
    const made = createServer((incoming, outgoing) => {
      serve(incoming, outgoing).catch(() => outgoing.destroy())
    })
    made.on('upgrade', (incoming, socket, head) => tunnels.upgrade(incoming, socket, head))
    made.listen(onPort, '127.0.0.1')
    await once(made, 'listening')
    return made
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = await read(incoming)
    seen.push({ method: request.method, path: request.path, token: tokenOf(request) })
    const fault = faults.take(request)
    const before = await fault.before(request)
    if (before === 'cut') return void outgoing.destroy()
    const made = before ?? (await answer(state, request))
    const after = await fault.after(made)
    if (after === 'cut') return void outgoing.destroy()
    write(outgoing, request, after)
  }

  /** Ends every tunnel towards the browsers, and whatever is kept in memory. */
  async function stop(how: 'stop' | 'crash') {
    server.closeAllConnections()
    for (const tunnel of [...state.tunnels.values()]) {
      if (how === 'stop') tunnel.end(1001, 'The web application is stopping')
      else tunnel.end(1006, '')
    }
    state.forget()
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  return {
    url: `http://127.0.0.1:${port}/`,
    state,
    faults,
    settings,
    seen,
    stop,
    /** Listens again, at the same place, remembering nothing. */
    async start() {
      server = await listen(port)
    },
    async restart(how: 'stop' | 'crash' = 'stop') {
      await stop(how)
      server = await listen(port)
    },
  }
}
export type DoubleNode = Awaited<ReturnType<typeof startNode>>

async function read(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming) {
    const bytes = Buffer.from(chunk as Uint8Array) // a stream without encoding yields bytes
    size += bytes.length
    if (size <= mostRead) chunks.push(bytes)
  }
  const url = new URL(incoming.url ?? '/', 'http://double')
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: Object.fromEntries(
      Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
    ),
    body: Buffer.concat(chunks),
    address: incoming.socket.remoteAddress ?? '',
  }
}

function write(outgoing: ServerResponse, request: Request, { status, type, body, headers }: Answer): void {
  outgoing.writeHead(status, { ...headers, ...(type === null ? {} : { 'content-type': type }) })
  if (body === undefined || request.method === 'HEAD') outgoing.end()
  else outgoing.end(typeof body === 'string' && type !== 'application/json' ? body : JSON.stringify(body))
}
