import { chmod } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { startChild, type Child } from './child.ts'

export interface TemporalOptions {
  readonly cli: string
  readonly port: number
  /** Without a UI, no port. */
  readonly uiPort?: number
  /** Kept here between runs; in memory without it. */
  readonly databaseFile?: string
  readonly namespace: string
  /** Where the UI has payloads decoded. */
  readonly uiCodecEndpoint?: string
  readonly onLine?: (line: string) => void
}

export interface TemporalServer {
  readonly address: string
  readonly uiUrl: string | undefined
  readonly pid: number
  readonly ended: Child['ended']
  stop(): Promise<void>
}

const startLimitMs = 60_000

/** Starts Temporal's development server on loopback and waits until it accepts connections. */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const lastLines: string[] = []
  const child = await startChild({
    name: 'temporal',
    command: options.cli,
    args: arguments_(options),
    onLine: (line) => {
      options.onLine?.(line)
      lastLines.push(line)
      if (lastLines.length > 20) lastLines.shift()
    },
  })
  const deadline = Date.now() + startLimitMs
  while (!(await accepts(options.port))) {
    if (Date.now() > deadline || !child.isRunning()) {
      await child.kill()
      throw new Error(`Temporal did not start. Its last lines:\n${lastLines.join('\n')}`)
    }
    await delay(50)
  }
  if (options.databaseFile !== undefined) await chmod(options.databaseFile, 0o600)
  return {
    address: `127.0.0.1:${options.port}`,
    uiUrl: options.uiPort === undefined ? undefined : `http://127.0.0.1:${options.uiPort}`,
    pid: child.pid,
    ended: child.ended,
    stop: () => child.stop(),
  }
}

function arguments_(options: TemporalOptions): string[] {
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(options.port)]
  args.push('--namespace', options.namespace, '--log-level', 'warn')
  args.push('--dynamic-config-value', 'system.forceSearchAttributesCacheRefreshOnRead=true')
  if (options.databaseFile !== undefined) args.push('--db-filename', options.databaseFile)
  if (options.uiPort === undefined) args.push('--headless')
  else args.push('--ui-port', String(options.uiPort))
  if (options.uiCodecEndpoint !== undefined) args.push('--ui-codec-endpoint', options.uiCodecEndpoint)
  return args
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port, timeout: 1_000 })
    const answer = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
    socket.once('timeout', () => answer(false))
  })
}
