import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** Whether a process with this number exists. It may be another one than you mean: see `startedAt`. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** When a process began, in clock ticks after boot: with the number it names one process. Undefined off Linux. */
export async function startedAt(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the command in parentheses and may hold spaces and parentheses itself.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}

/** Waits until a process is gone; false when it still is there after `limitMs`. */
export async function untilGone(pid: number, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false
    await delay(25)
  }
  return true
}
