import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** Where a fault proxy is reached: a port on this machine that may be closed and opened again. */
export interface FaultFront {
  readonly port: number
  /** Opens the port again, where it was closed. */
  open(): Promise<void>
  /** Nobody listens any more, and every connection is cut. */
  shut(): Promise<void>
  /** Cuts every connection. */
  cutAll(): void
}

/** `take` is given each connection; one that it leaves alone is held open, in silence. */
export async function openFront(take: (socket: Socket) => void): Promise<FaultFront> {
  const sockets = new Set<Socket>()
  let server: Server | null = null
  let port = 0
  const front = {
    async open() {
      if (server !== null) return
      server = createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket)
        socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket))
        take(socket)
      })
      const opening = server
      await new Promise<void>((resolve, reject) => opening.once('error', reject).listen(port, '127.0.0.1', resolve))
      // A server that listens on a port has an address of this kind.
      port = (opening.address() as AddressInfo).port
    },
    async shut() {
      const closing = server
      server = null
      front.cutAll()
      if (closing !== null) await new Promise((resolve) => closing.close(resolve))
    },
    cutAll() {
      for (const socket of sockets) socket.destroy()
    },
  }
  await front.open()
  return { ...front, port }
}
