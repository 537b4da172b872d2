import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface ChildPlan {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the child; without it, ours. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Runs as this user; `reachAll` lets it pass directories that only root may enter (a clone under /root). */
  readonly user?: { readonly uid: number; readonly gid: number; readonly reachAll: boolean }
  /** Asked first at the end; SIGKILL follows after the grace. */
  readonly stopSignal?: 'SIGTERM' | 'SIGINT'
  readonly onLine?: (line: string) => void
}

export interface Child {
  readonly name: string
  readonly pid: number
  /** Fulfilled with what ended it; never rejected. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  isRunning(): boolean
  /** Asks it to end and kills it `graceMs` later. Repeats are harmless. */
  stop(graceMs?: number): Promise<void>
  /** SIGKILL, now. */
  kill(): Promise<void>
}

/**
 * Starts a process that is ours: it has its own process group, so that a Ctrl-C in the terminal reaches only us and
 * we choose the order of the end; where the system can do it, it ends when we are killed.
 */
export async function startChild(plan: ChildPlan): Promise<Child> {
  const [command, args] = launched(plan)
  const process = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(plan.env === undefined ? {} : { env: plan.env }),
    ...(plan.cwd === undefined ? {} : { cwd: plan.cwd }),
  })
  await new Promise<void>((resolve, reject) => {
    process.once('spawn', resolve)
    process.once('error', reject)
  })
  return wrap(plan, process)
}

function wrap(plan: ChildPlan, process: ChildProcess): Child {
  if (process.pid === undefined) throw new Error(`${plan.name} has no process id`)
  for (const stream of [process.stdout, process.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', (line) => plan.onLine?.(line))
  }
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    process.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const isRunning = () => process.exitCode === null && process.signalCode === null
  const end = async (signal: NodeJS.Signals, graceMs: number) => {
    if (!isRunning()) return
    process.kill(signal)
    const timer = setTimeout(() => process.kill('SIGKILL'), graceMs)
    await ended
    clearTimeout(timer)
  }
  return {
    name: plan.name,
    pid: process.pid,
    ended,
    isRunning,
    stop: (graceMs = 10_000) => end(plan.stopSignal ?? 'SIGTERM', graceMs),
    kill: () => end('SIGKILL', 0),
  }
}

function launched(plan: ChildPlan): [string, string[]] {
  if (!canTieToParent()) {
    if (plan.user !== undefined)
      throw new Error(`${plan.name} must run as another user, which needs setpriv (util-linux)`)
    return [plan.command, [...plan.args]]
  }
  const signal = (plan.stopSignal ?? 'SIGKILL').slice('SIG'.length)
  const flags = ['--pdeathsig', signal]
  if (plan.user !== undefined) {
    flags.push('--reuid', String(plan.user.uid), '--regid', String(plan.user.gid), '--clear-groups')
    if (plan.user.reachAll) flags.push('--inh-caps', '+dac_override', '--ambient-caps', '+dac_override')
  }
  return ['setpriv', [...flags, '--', plan.command, ...plan.args]]
}

let tie: boolean | undefined

/** Whether a child can be told to end with us: setpriv of util-linux, which only Linux has. */
function canTieToParent(): boolean {
  tie ??= spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { timeout: 5_000, stdio: 'ignore' }).status === 0
  return tie
}
