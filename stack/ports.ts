import { createServer, type Server } from 'node:net'

export interface HeldPort {
  readonly port: number
  /** Lets go of it: call right before whoever is to listen there starts. Repeats are harmless. */
  release(): Promise<void>
}

/** Finds a free TCP port on loopback and listens on it, so that nobody else is given it meanwhile. */
export async function holdPort(): Promise<HeldPort> {
  const server = await listen()
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no free port on loopback')
  const closed = () => new Promise<void>((resolve) => void server.close(() => resolve()))
  let releasing: Promise<void> | undefined
  return { port: address.port, release: () => (releasing ??= closed()) }
}

/** A free TCP port on loopback. Nobody holds it: use it at once. */
export async function freePort(): Promise<number> {
  const held = await holdPort()
  await held.release()
  return held.port
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}
