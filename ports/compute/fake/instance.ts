import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { SessionId } from '../../../domain/ids.ts'
import type { Endpoint, InstanceSpec, InstanceState } from '../provider.ts'

/** Where a running fake is reached: nowhere, at one fixed place, or at a real HTTP server of its own on loopback. */
export type FakeEndpoint = 'nowhere' | 'serve' | { readonly host: string; readonly hostPort: number }

export interface FakeInstance {
  readonly name: string
  readonly deploymentId: string
  readonly sessionId: SessionId
  readonly generation: number
  readonly spec: Omit<InstanceSpec, 'secret'>
  /** From when on it runs, ms since the epoch. */
  readonly runsFrom: number
  state(): InstanceState
  become(state: InstanceState): void
  end(): void
}

/**
 * What the fake makes of a spec. Its command is read as a script: `exit <code>` ends at once, `oom` runs out of
 * memory, `wait` never begins, anything else (and `null`) runs. It is `pending` for `startMs` first.
 */
export async function startFakeInstance(
  { secret: _secret, ...spec }: InstanceSpec,
  { endpoint, startMs }: { readonly endpoint: FakeEndpoint; readonly startMs: number },
): Promise<FakeInstance> {
  const servers = endpoint === 'serve' ? await Promise.all(spec.ports.map(() => serve())) : []
  const endpoints = spec.ports.map((port, i): Endpoint => {
    if (typeof endpoint === 'object') return { port, ...endpoint }
    return { port, host: endpoint === 'serve' ? '127.0.0.1' : '192.0.2.1', hostPort: servers[i]?.port ?? port }
  })
  const [first] = endpoints
  // Of one that reports its ports the backend knows where it is, and no more.
  const running: InstanceState =
    spec.report === null || first === undefined
      ? { kind: 'running', endpoints }
      : { kind: 'running', endpoints: [], host: first.host }
  const runsFrom = Date.now() + startMs
  const end = () => servers.forEach(({ server }) => server.close().closeAllConnections())
  let overridden: InstanceState | null = null
  const { name, deploymentId, sessionId, generation } = spec
  return {
    name,
    deploymentId,
    sessionId,
    generation,
    spec,
    runsFrom,
    state: () =>
      overridden ?? (Date.now() < runsFrom ? { kind: 'pending', reason: 'starting' } : scripted(spec.command, running)),
    become(state) {
      overridden = state.kind === 'running' ? running : state
      if (state.kind === 'exited' || state.kind === 'absent') end()
    },
    end,
  }
}

function scripted(command: readonly string[] | null, running: InstanceState): InstanceState {
  if (command?.[0] === 'exit') return { kind: 'exited', exitCode: Number(command[1] ?? 0), outOfMemory: false }
  if (command?.[0] === 'oom') return { kind: 'exited', exitCode: 137, outOfMemory: true }
  if (command?.[0] === 'wait') return { kind: 'pending', reason: 'waiting' }
  return running
}

/** What is answered there has no end but the instance's own. */
const livePath = '/live'

async function serve(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer(({ url }, response) => {
    if (url === livePath) response.write('a fake instance\n')
    else response.end('a fake instance\n')
  }).unref()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address with a port')
  return { server, port: address.port }
}
