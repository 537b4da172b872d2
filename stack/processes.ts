import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { childEnvironment, ownVariables } from '../platform/config.ts'
import { startChild, type Child } from './child.ts'
import { repository } from './places.ts'

export interface ProcessPlan {
  readonly name: string
  /** Below the repository: `api/main.ts`. */
  readonly entry: string
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Answers 200 when the process is ready. */
  readonly readyUrl: string
  readonly logs: string
  /** Also shown, each line after the process's name. */
  readonly show?: ((line: string) => void) | undefined
}

const readyLimitMs = 90_000

/** Writes a child's lines to `<logs>/<name>.log`, made anew for each run, and remembers the last ones. */
export function logTo(logs: string, name: string, show?: (line: string) => void) {
  const file = createWriteStream(join(logs, `${name}.log`), { mode: 0o600 })
  const last: string[] = []
  return {
    last,
    onLine: (line: string) => {
      file.write(`${line}\n`)
      show?.(`[${name}] ${line}`)
      last.push(line)
      if (last.length > 20) last.shift()
    },
  }
}

/** Starts one of Carrel's own processes. `ready` is fulfilled when it says so; it rejects with its last lines. */
export async function startProcess(plan: ProcessPlan): Promise<{ child: Child; ready: Promise<void> }> {
  const log = logTo(plan.logs, plan.name, plan.show)
  const child = await startChild({
    name: plan.name,
    command: process.execPath,
    args: [plan.entry],
    cwd: repository,
    env: childEnvironment({ ...ownVariables(), ...plan.variables }),
    onLine: log.onLine,
  })
  const ready = untilReady(plan, child, log.last)
  // Whoever is interrupted meanwhile never comes to wait for it.
  ready.catch(() => undefined)
  return { child, ready }
}

async function untilReady(plan: ProcessPlan, child: Child, last: readonly string[]): Promise<void> {
  const deadline = Date.now() + readyLimitMs
  while (!(await isReady(plan.readyUrl))) {
    if (child.isRunning() && Date.now() < deadline) {
      await delay(100)
      continue
    }
    const how = child.isRunning() ? `was not ready within ${readyLimitMs / 1_000} s` : 'ended'
    throw new Error(`The ${plan.name} ${how}. Its last lines:\n${last.join('\n')}`)
  }
}

async function isReady(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
    async (response) => {
      await response.body?.cancel()
      return response.ok
    },
    () => false,
  )
}
