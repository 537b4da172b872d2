import { randomBytes } from 'node:crypto'
import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DoorAccess } from '../doors.ts'

const hourMs = 60 * 60 * 1_000
const dayMs = 24 * hourMs
const namePattern = /^carrel-[a-z0-9]+-[a-z0-9]+-(\d{13})-(\d{1,5})d-[0-9a-f]{8}(\.\d+)?$/

/** The name of a recording: whose it is, when it began, and how many days it is kept. guacd adds a number to one that is there. */
export const recordingName = (
  { sessionId, door }: Pick<DoorAccess, 'sessionId' | 'door'>,
  retentionDays: number,
  now: number,
): string => `carrel-${sessionId}-${door}-${now}-${retentionDays}d-${randomBytes(4).toString('hex')}`

/** Whether guacd has begun a recording. One that cannot write shows the desktop all the same, and says so in its log alone. */
export async function isRecorded({ directory, name }: { directory: string; name: string }): Promise<boolean> {
  return await access(join(directory, name)).then(
    () => true,
    () => false,
  )
}

/** Which of these files are recordings whose time is over. What is named otherwise is none of ours. Pure. */
export function expiredRecordings(names: readonly string[], now: number): string[] {
  return names.filter((name) => {
    const [, begun, days] = namePattern.exec(name) ?? []
    return begun !== undefined && Number(begun) + Number(days) * dayMs <= now
  })
}

/** Removes the recordings whose time is over. Answers how many; a directory that is not there has none. */
export async function pruneRecordings(directory: string, now: number = Date.now()): Promise<number> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  })
  const expired = expiredRecordings(names, now)
  for (const name of expired) await rm(join(directory, name), { force: true })
  return expired.length
}

/** Prunes now and every hour, until it is stopped. `failed`: what an operator should know. */
export function keepPruned(
  directory: string,
  { pruned, failed }: { pruned: (count: number) => void; failed: (error: unknown) => void },
  everyMs: number = hourMs,
): { stop(): void } {
  let pruning = false
  const prune = async () => {
    if (pruning) return
    pruning = true
    await pruneRecordings(directory).then((count) => count > 0 && pruned(count), failed)
    pruning = false
  }
  void prune()
  const timer = setInterval(() => void prune(), everyMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
