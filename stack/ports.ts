import { createServer } from 'node:net'

/**
 * Finds `count` different free TCP ports on loopback. They are free when it answers; nobody holds them, so use them at once.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, listen))
  const ports = held.map((server) => portOf(server))
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** One free TCP port on loopback. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  if (port === undefined) throw new Error('no free port on loopback')
  return port
}

function listen(): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

function portOf(server: ReturnType<typeof createServer>): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no free port on loopback')
  return address.port
}
