import { createHash, X509Certificate } from 'node:crypto'
import { createServer as createHttpsServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { makeServerCertificate } from '../certificates.ts'

export interface Listening {
  readonly port: number
  close(): Promise<void>
}

export interface TlsSession extends Listening {
  readonly fingerprint: string
  /** How many handshakes were completed with it. */
  handshakes(): number
}

/** What a report says of a certificate. */
export const fingerprintOf = (cert: string): string =>
  createHash('sha256').update(new X509Certificate(cert).raw).digest('hex')

/** A session that speaks TLS with a certificate of its own; a WebSocket is an echo. */
export async function createTlsSession(
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<TlsSession> {
  const { key, cert } = await makeServerCertificate()
  const server = createHttpsServer({ key, cert }, (request, response) => void listener(request, response))
  let handshakes = 0
  server.on('secureConnection', () => (handshakes += 1))
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  const { port, close } = await listening(server)
  return {
    port,
    fingerprint: fingerprintOf(cert),
    handshakes: () => handshakes,
    async close() {
      server.closeAllConnections()
      await close()
    },
  }
}

export interface Eavesdropper extends Listening {
  /** Everything that it could read of what was said to it. */
  read(): string
  /** How often somebody came. */
  visits(): number
  /** How many are there now. */
  open(): number
}

/**
 * Shows a certificate of its own, and passes on to what listens plainly on a port, and back: somebody in the middle, or, to whoever pins
 * this certificate, the session's own end of TLS.
 */
export async function createEavesdropper(
  sessionPort: number,
): Promise<Eavesdropper & { readonly fingerprint: string }> {
  const { key, cert } = await makeServerCertificate()
  let read = ''
  let visits = 0
  const server = createTlsServer({ key, cert }, (caller) => {
    const session = connect(sessionPort, '127.0.0.1')
    caller.on('data', (chunk: Buffer) => {
      read += chunk.toString('latin1')
      session.write(chunk)
    })
    session.pipe(caller)
    for (const side of [caller, session]) side.on('error', () => {})
    caller.on('close', () => session.destroy())
    session.on('close', () => caller.destroy())
  })
  server.on('connection', () => (visits += 1))
  server.on('tlsClientError', () => {})
  return { ...(await listening(server)), fingerprint: fingerprintOf(cert), read: () => read, visits: () => visits }
}

/** Whoever else took the port, and speaks plainly. */
export async function createPlainListener(): Promise<Eavesdropper> {
  let read = ''
  let visits = 0
  const server = createTcpServer((socket) => {
    visits += 1
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      read += chunk.toString('latin1')
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain')
    })
  })
  return { ...(await listening(server)), read: () => read, visits: () => visits }
}

async function listening(server: Server): Promise<Listening & { open(): number }> {
  const sockets = new Set<{ destroy(): unknown }>()
  server.on('connection', (socket: { destroy(): unknown; once(event: 'close', told: () => void): unknown }) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    open: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
