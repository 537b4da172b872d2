import { createServer } from 'node:net'
import type { InstanceSpec } from '../provider.ts'
import type { InstanceRecord, RunAs } from './record.ts'
import type { ProcessSettings } from './settings.ts'

/** Free host ports for what the instance listens on, none of them another instance's. `null` if there are not enough. */
export async function allocatePorts(
  ports: readonly number[],
  settings: Pick<ProcessSettings, 'ports' | 'address'>,
  others: readonly InstanceRecord[],
): Promise<InstanceRecord['ports'] | null> {
  const taken = new Set(others.flatMap((other) => other.ports.map((p) => p.hostPort)))
  const { first, last } = settings.ports
  const size = last - first + 1
  const start = Math.floor(Math.random() * size) // strangers that look for a port meet less often
  const found: { port: number; hostPort: number }[] = []
  for (let i = 0; i < size && found.length < ports.length; i++) {
    const hostPort = first + ((start + i) % size)
    const port = ports[found.length]
    if (port !== undefined && !taken.has(hostPort) && (await isFree(hostPort, settings.address)))
      found.push({ port, hostPort })
  }
  return found.length === ports.length ? found : null
}

function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Whom this process runs as. */
export interface Self {
  readonly uid: number
  readonly gid: number
}

export type UserChoice = RunAs | { readonly refused: string } | { readonly full: string }

/** Who the instance runs as: never root; as root, where the spec names nobody, somebody who runs nothing else. */
export function chooseUser(
  spec: Pick<InstanceSpec, 'user'>,
  users: ProcessSettings['users'],
  self: Self,
  taken: ReadonlySet<number>,
): UserChoice {
  const { user } = spec
  if (user !== null && (user.uid === 0 || user.gid === 0 || user.gids.includes(0)))
    return { refused: 'The process provider runs nothing as root, nor in its group.' }
  if (self.uid !== 0) {
    if (user !== null && user.uid !== self.uid)
      return { refused: `Carrel runs as user ${self.uid} and cannot become user ${user.uid}; only root can.` }
    return { uid: self.uid, gid: self.gid, gids: [], exclusive: false }
  }
  if (user !== null) return { uid: user.uid, gid: user.gid, gids: [...user.gids], exclusive: false }
  const start = Math.floor(Math.random() * users.count) // other providers of the machine may choose from the same
  for (let i = 0; i < users.count; i++) {
    const uid = users.first + ((start + i) % users.count)
    if (!taken.has(uid)) return { uid, gid: uid, gids: [], exclusive: true }
  }
  return { full: `All ${users.count} users of the provider are in use.` }
}
