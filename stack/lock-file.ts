import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, startedAt } from './liveness.ts'

/** Who holds a lock: the number and the start of the process, which together name it even after the number is reused. */
export interface Holder {
  readonly pid: number
  readonly startedAt: string | undefined
}

/** Takes the lock unless a living process holds it; then it says who. The lock of a dead process is taken over. */
export async function takeLock(file: string): Promise<{ release: () => Promise<void> } | { heldBy: Holder }> {
  await mkdir(dirname(file), { recursive: true })
  const own: Holder = { pid: process.pid, startedAt: await startedAt(process.pid) }
  for (;;) {
    try {
      await writeFile(file, JSON.stringify(own), { flag: 'wx', mode: 0o600 })
      return { release: () => rm(file, { force: true }) }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const holder = await readHolder(file)
    if (holder !== undefined && (await lives(holder))) return { heldBy: holder }
    await rm(file, { force: true })
  }
}

/** Takes the lock, waiting for whoever holds it; tells about the wait once. @throws after `limitMs` */
export async function withLock<T>(
  file: string,
  limitMs: number,
  waiting: (holder: Holder) => void,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + limitMs
  let told = false
  for (;;) {
    const taken = await takeLock(file)
    if ('release' in taken) {
      try {
        return await work()
      } finally {
        await taken.release()
      }
    }
    if (!told) waiting(taken.heldBy)
    told = true
    if (Date.now() > deadline) throw new Error(`process ${taken.heldBy.pid} has held ${file} for too long`)
    await delay(250)
  }
}

/** Whether the very process that took the lock is still there. */
export async function lives(holder: Holder): Promise<boolean> {
  if (!isAlive(holder.pid)) return false
  return holder.startedAt === undefined || (await startedAt(holder.pid)) === holder.startedAt
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (typeof found !== 'object' || found === null || !('pid' in found) || typeof found.pid !== 'number')
      return undefined
    const start = 'startedAt' in found && typeof found.startedAt === 'string' ? found.startedAt : undefined
    return { pid: found.pid, startedAt: start }
  } catch {
    return undefined
  }
}
