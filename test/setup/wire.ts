import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

export interface Wire {
  /** The address of what it leads to, through it. */
  readonly url: string
  /** From now on what is open is silent, without a word; new connections are as good as ever. */
  cutWhatIsOpen(): void
  /** From now on everything is silent: connections are accepted, and nothing is ever answered. */
  hang(): void
  /** New connections are as good as ever; what hung is closed. */
  heal(): void
  /** How often something was said to the silence. */
  swallowed(): number
  close(): Promise<void>
}

/** A wire to a server on this machine, which can be cut, or hang as a server does that is stopped in its tracks. */
export async function openWire(target: URL): Promise<Wire> {
  const open = new Set<{ readonly client: Socket; readonly server: Socket }>()
  let hangs = false
  let swallowed = 0
  const silence = ({ client, server }: { readonly client: Socket; readonly server: Socket }) => {
    client.unpipe(server)
    server.unpipe(client)
    client.on('data', () => (swallowed += 1)).resume()
  }
  const wires: Server = createServer((client) => {
    const server = connect(Number(target.port), target.hostname)
    const pair = { client, server }
    open.add(pair)
    const end = () => {
      open.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
    client.pipe(server).pipe(client)
    if (hangs) silence(pair)
  })
  await new Promise<void>((resolve) => wires.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  // A listening server on a port has an address with it.
  url.host = `127.0.0.1:${(wires.address() as AddressInfo).port}`
  const closeAll = () => {
    for (const { client, server } of open) {
      client.destroy()
      server.destroy()
    }
  }
  return {
    url: url.href,
    cutWhatIsOpen() {
      for (const pair of open) silence(pair)
    },
    hang() {
      hangs = true
      for (const pair of open) silence(pair)
    },
    heal() {
      hangs = false
      closeAll()
    },
    swallowed: () => swallowed,
    async close() {
      closeAll()
      await new Promise((resolve) => wires.close(resolve))
    },
  }
}
