import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessIdentity } from './record.ts'

/** One living process, as /proc tells. `startTime` is in the kernel's ticks since the boot. */
export interface Seen {
  readonly pid: number
  readonly parent: number
  readonly session: number
  readonly uid: number
  readonly startTime: string
  readonly environment: string
}

/** This boot of this machine: pids and start times mean something only within one. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** What identifies the process for as long as this boot lasts; `null` if it is gone. */
export function identify(pid: number): ProcessIdentity | null {
  const stat = readStat(pid)
  return stat === null ? null : { pid, startTime: stat.startTime, bootId: bootId() }
}

/** Whether exactly this process lives: the same pid at another start time is a stranger. */
export function isAlive(identity: ProcessIdentity): boolean {
  return readStat(identity.pid)?.startTime === identity.startTime && identity.bootId === bootId()
}

/** Every process that lives now. What vanishes while it is read is left out; an environment that can't be read is empty. */
export function seeProcesses(): Seen[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      const pid = Number(entry)
      const stat = readStat(pid)
      if (stat === null) return []
      const uid = /^Uid:\t(\d+)/m.exec(readProc(pid, 'status') ?? '')?.[1]
      return [{ pid, ...stat, uid: Number(uid ?? -1), environment: readProc(pid, 'environ') ?? '' }]
    })
}

interface Stat {
  readonly parent: number
  readonly session: number
  readonly startTime: string
}

/** Reads `/proc/<pid>/stat` (proc(5)). A zombie has ended: it is not there. */
function readStat(pid: number): Stat | null {
  return parseStat(readProc(pid, 'stat') ?? '')
}

/** The fields behind the name, which is in parentheses and may hold anything, parentheses and spaces too. */
export function parseStat(text: string): Stat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent, , session] = fields
  const startTime = fields[19]
  if (startTime === undefined || state === 'Z' || state === 'X') return null
  return { parent: Number(parent), session: Number(session), startTime }
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return null // gone, or not ours to read
  }
}
