import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, startedAt } from './liveness.ts'

/** Who holds a lock: the number and the start of the process, which together name it even after the number is reused. */
export interface Holder {
  readonly pid: number
  readonly startedAt: string | undefined
}

/** A removal takes milliseconds: one that is older was cut off. */
const guardLimitMs = 10_000

/** Takes the lock unless a living process holds it; then it says who. The lock of a dead process is taken over. */
export async function takeLock(file: string): Promise<{ release: () => Promise<void> } | { heldBy: Holder }> {
  await mkdir(dirname(file), { recursive: true })
  const own: Holder = { pid: process.pid, startedAt: await startedAt(process.pid) }
  for (;;) {
    if (await place(file, own)) return { release: () => rm(file, { force: true }) }
    const holder = await readHolder(file)
    if (holder !== undefined && (await lives(holder))) return { heldBy: holder }
    await removeDead(file, own)
  }
}

/** Makes the file with its whole content at once, so that nobody reads half of it; false where there is one. */
async function place(file: string, own: Holder): Promise<boolean> {
  const beside = `${file}.${randomUUID()}`
  await writeFile(beside, JSON.stringify(own), { mode: 0o600 })
  try {
    await link(beside, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(beside, { force: true })
  }
}

/**
 * Removes a dead process's lock. One at a time, who looks again before it removes: else it might be the lock of somebody
 * who was quicker.
 */
async function removeDead(file: string, own: Holder): Promise<void> {
  const guard = `${file}.removing`
  if (!(await place(guard, own))) {
    const age = await stat(guard).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > guardLimitMs) await rm(guard, { force: true })
    return delay(10)
  }
  try {
    const holder = await readHolder(file)
    if (holder === undefined || !(await lives(holder))) await rm(file, { force: true })
  } finally {
    await rm(guard, { force: true })
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
