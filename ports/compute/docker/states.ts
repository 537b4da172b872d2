import type { Endpoint, InstanceState } from '../provider.ts'
import { addressList } from '../networks.ts'
import type { ContainerShape, ListedContainer } from './shapes.ts'

/** What each status of the daemon means to us; one that is not here is `unknown`, and somebody is told. */
const meaning: Readonly<Record<string, 'pending' | 'running' | 'paused' | 'exited' | 'unknown'>> = {
  created: 'pending',
  restarting: 'pending',
  running: 'running',
  paused: 'paused',
  exited: 'exited',
  dead: 'exited',
  // Somebody removes it, and may fail to.
  removing: 'unknown',
}

/** Reads a container's inspection. Endpoints must lie in the provider's networks, or the state is `unknown`. */
export function instanceState(container: ContainerShape, networks: readonly string[]): InstanceState {
  const { Status, ExitCode, OOMKilled } = container.State
  const kind = meaning[Status]
  switch (kind) {
    case 'pending':
      return { kind: 'pending', reason: Status }
    case 'paused':
      return { kind: 'paused' }
    case 'exited':
      // The daemon marks it also when some process in it was killed long ago, and it ended well later.
      return { kind: 'exited', exitCode: ExitCode, outOfMemory: OOMKilled && ExitCode !== 0 }
    case 'running':
      return runningState(container, networks)
    case 'unknown':
      return { kind, why: `the daemon says ${Status}` }
    case undefined: {
      const unnamed = Status.slice(0, 40)
      return { kind: 'unknown', why: `a status that is not known: ${unnamed}`, unnamed }
    }
    default:
      return kind satisfies never
  }
}

function runningState(container: ContainerShape, networks: readonly string[]): InstanceState {
  const allowed = addressList(networks)
  const endpoints: Endpoint[] = []
  for (const published of Object.keys(container.HostConfig.PortBindings)) {
    const found = container.NetworkSettings.Ports[published] ?? []
    if (found.length === 0) return { kind: 'pending', reason: 'its ports are being published' }
    const reached = found.find((b) => allowed(b.HostIp) && Number(b.HostPort) > 0)
    if (reached === undefined) return { kind: 'unknown', why: "an endpoint outside the provider's networks" }
    endpoints.push({ port: Number.parseInt(published, 10), host: reached.HostIp, hostPort: Number(reached.HostPort) })
  }
  return { kind: 'running', endpoints }
}

/** What the daemon's list alone tells. `null`: it does not say all, as of one that ended, or whose ports are not all published. */
export function listedState({ State, Ports }: ListedContainer, networks: readonly string[]): InstanceState | null {
  const kind = meaning[State]
  if (kind === 'pending') return { kind, reason: State }
  if (kind === 'paused') return { kind }
  if (kind !== 'running' || Ports.length === 0 || Ports.some((p) => p.PublicPort === 0)) return null
  const allowed = addressList(networks)
  if (!Ports.every((p) => allowed(p.IP))) return null
  return { kind, endpoints: Ports.map((p) => ({ port: p.PrivatePort, host: p.IP, hostPort: p.PublicPort })) }
}
