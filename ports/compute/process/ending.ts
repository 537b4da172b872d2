import { setTimeout as delay } from 'node:timers/promises'
import { membersOf, type Belonging } from './members.ts'
import { seeProcesses } from './processes.ts'

const everyMs = 50
/** Enough for a notebook server to end its kernels. */
const graceMs = 3_000
const killLimitMs = 5_000

/** Who of the instance lives. */
export const livingOf = (belonging: Belonging): number[] =>
  membersOf(seeProcesses(), belonging, process.pid).map((p) => p.pid)

/** Asks all processes of the instance to end, then ends them, again and again until none is left. Says how many still live. */
export async function endProcesses(belonging: Belonging): Promise<number> {
  const asked = new Set<number>()
  const ask = (living: readonly number[]) => {
    const born = living.filter((pid) => !asked.has(pid)) // also those that begin while the others end
    for (const pid of born) asked.add(pid)
    signalAll(born, 'SIGTERM')
  }
  if ((await untilNone(belonging, graceMs, ask)) === 0) return 0
  return await untilNone(belonging, killLimitMs, (living) => signalAll(living, 'SIGKILL'))
}

async function untilNone(
  belonging: Belonging,
  limitMs: number,
  act: (pids: readonly number[]) => void,
): Promise<number> {
  for (const until = Date.now() + limitMs; ; await delay(everyMs)) {
    const living = livingOf(belonging)
    if (living.length === 0 || Date.now() > until) return living.length
    act(living)
  }
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended meanwhile. One that may not be signalled is still counted as living.
    }
  }
}
