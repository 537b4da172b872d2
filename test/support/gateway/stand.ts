import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net'
import { doorOrigin } from '../../../domain/doors.ts'
import type { DoorHost } from '../../../domain/doors.ts'
import { createFigures } from '../../../gateway/figures.ts'
import { createGateway } from '../../../gateway/gateway.ts'
import type { Gateway, GatewaySettings } from '../../../gateway/gateway.ts'
import type { WatchLimits } from '../../../gateway/watch.ts'
import { createMetrics } from '../../../platform/metrics.ts'
import type { Doors } from '../../../gateway/doors.ts'
import { accessTo, domain, hostOf, MemoryDoors } from './memory-doors.ts'

export const publicPort = 8090

export interface Stand<D extends Doors> {
  readonly gateway: Gateway
  readonly doors: D
  readonly port: number
  readonly warnings: string[]
  close(): Promise<void>
}

/** A gateway on a free port of loopback, with doors of the test's own. */
export async function createStand<D extends Doors>(
  doors: D,
  settings: Partial<GatewaySettings> = {},
  watchLimits: Partial<WatchLimits> = {},
): Promise<Stand<D>> {
  const warnings: string[] = []
  const gateway = createGateway({
    id: 'gtest',
    settings: {
      host: '127.0.0.1',
      port: 0,
      origins: { scheme: 'http', domain, port: publicPort },
      frameAncestors: [],
      trustedProxies: [],
      firstByteMs: 5_000,
      idleMs: 5_000,
      ...settings,
    },
    doors,
    openSecret: ({ secret }) => secret.toString(),
    desktop: () => ({
      page: async (_request, response) => void response.writeHead(200).end('desktop'),
      tunnel: async (_request, socket) => void socket.destroy(),
    }),
    figures: (live) => createFigures(createMetrics('gateway'), live),
    warn: (message) => void warnings.push(message),
    watchLimits: { everyMs: 50, ...watchLimits },
  })
  const { port } = await gateway.listen()
  return { gateway, doors, port, warnings, close: () => gateway.close(0, 0) }
}

/** A session that answers as the test likes. */
export async function createSession(
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<{ port: number; server: Server; close(): Promise<void> }> {
  const server = createServer({ requestTimeout: 0 }, (request, response) => void listener(request, response))
  return { server, ...(await listening(server)) }
}

/** A session that speaks bytes, not HTTP. */
export async function createRawSession(
  talk: (socket: Socket) => void,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    talk(socket)
  })
  const { port, close } = await listening(server)
  return {
    port,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return close()
    },
  }
}

async function listening(server: Server | TcpServer): Promise<{ port: number; close(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      if ('closeAllConnections' in server) server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Memory doors with one pass for a session at a port. */
export function doorsTo(port: number, more: Parameters<typeof accessTo>[1] = {}): { doors: MemoryDoors; pass: string } {
  const doors = new MemoryDoors()
  const pass = doors.pass(hostOf(), accessTo(port, more))
  return { doors, pass }
}

export const ownOrigin = (host: DoorHost = hostOf()) => doorOrigin({ scheme: 'http', domain, port: publicPort }, host)
export const cookieOf = (pass: string) => `__Host-carrel_door=${pass}`

/** Writes bytes as they are and reads until the other side closes, or `until` is found. */
export function speak(port: number, bytes: string | Uint8Array, until?: RegExp, ms = 5_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let said = ''
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(said)
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no end within ${ms} ms; heard: ${said.slice(0, 500)}`))
    }, ms)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      said += text
      if (until?.test(said) === true) done()
    })
    socket.on('end', done)
    socket.on('error', done)
    socket.on('close', done)
  })
}

export interface Asked {
  readonly method?: string
  readonly path?: string
  readonly host?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A request as text, so that it may be as wrong as it likes. */
export function requestText({
  method = 'GET',
  path = '/',
  host = hostOf().name,
  headers = {},
  body = '',
}: Asked): string {
  const all = Object.entries({
    Host: `${host}:${publicPort}`,
    Connection: 'close',
    ...(body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
    ...headers,
  })
  return `${method} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

export interface Heard {
  readonly status: number
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly body: string
}

/** Reads an answer that ends with its connection. */
export function heard(text: string): Heard {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers: Record<string, string[]> = {}
  for (const line of lines) {
    const at = line.indexOf(':')
    const name = line.slice(0, at).toLowerCase()
    headers[name] = [...(headers[name] ?? []), line.slice(at + 1).trim()]
  }
  return { status: Number(first.split(' ')[1] ?? 0), headers, body: rest.join('\r\n\r\n') }
}

export const ask = async (port: number, asked: Asked, ms?: number): Promise<Heard> =>
  heard(await speak(port, requestText(asked), undefined, ms))

/** Waits for a condition, looking every 10 ms. */
export async function eventually(condition: () => boolean, what: string, ms = 15_000): Promise<void> {
  const until = Date.now() + ms
  while (!condition()) {
    if (Date.now() > until) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
